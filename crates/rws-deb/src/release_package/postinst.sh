case $1 in configure | abort-remove) ;; *) exit 0 ;; esac

# a package that was never configured has no second argument (Debian policy, section 6.5)
first=no
if [ "$1" = abort-remove ] || [ -z "${2-}" ]; then first=yes; fi

if is_old_apt; then
  mkdir -p "${trusted%/*}"
  rm -f "$trusted"
  cp "$root$key" "$trusted"
  chmod 644 "$trusted"
  form=list
else
  rm -f "$trusted"
  form=sources
fi
source=$file_name.$form
install_client_file "$root/etc/apt/sources.list.d" "$source" "$root/usr/share/$package/$source" "$first"
