say() { printf '%s: %s\n' "$package" "$*" >&2; }

# Whether nobody has changed a file since RWS wrote it: its first line has the digest of the rest.
is_unchanged() {
  if [ -L "$1" ] || [ ! -f "$1" ]; then return 1; fi
  IFS= read -r first_line <"$1" || return 1
  case $first_line in '# rws-setup sha256:'*) ;; *) return 1 ;; esac
  digest=$(tail -n +2 "$1" | sha256sum) || return 1
  [ "$first_line" = "# rws-setup sha256:${digest%% *}" ]
}

# Whether a file uses the keys of this package.
names_key() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in '#'*) ;; *"$key" | *"$key"[!A-Za-z0-9+.-]*) return 0 ;; esac
  done <"$1"
  return 1
}

# Whether an unchanged file is for the repository of this package, or of an earlier version of the package.
is_replaceable() {
  is_unchanged "$1" || return 1
  names_key "$1" || names_repository "$1"
}

# install_client_file DIRECTORY NAME TEXT_FILE yes|no
#
# The last argument says whether this is the first installation. Writes the client file then, or in place of unchanged
# ones; one that the administrator has deleted does not come back. If there is one that the administrator has written or
# edited, everything stays as it is: two sources of one repository with different keys stop apt.
install_client_file() {
  own=$1/$2 wanted=$4 edited=''
  for file in "$1"/* "$other"; do
    is_client_file "$file" || continue
    if [ "$file" != "$other" ] && is_unchanged "$file"; then
      if [ "$file" = "$own" ] || is_replaceable "$file"; then wanted=yes; fi
    elif [ "$file" = "$own" ] || { [ -f "$file" ] && names_repository "$file"; }; then
      edited="$edited $file"
    fi
  done
  if [ -n "$edited" ]; then
    say "these files were changed by hand and stay as they are:$edited"
    say "let them name $key, or put $3 in their place"
    return 0
  fi
  if [ "$wanted" = no ]; then return 0; fi
  mkdir -p "$1"
  # clients do not read a file whose name starts with a dot
  new=$1/.$package.new
  rm -f "$new"
  cp "$3" "$new"
  chmod 644 "$new"
  mv -f "$new" "$own"
  for file in "$1"/*; do
    if [ "$file" != "$own" ] && is_client_file "$file" && is_replaceable "$file"; then
      rm -f "$file"
      say "$own replaces $file"
    fi
  done
}

# remove_client_files DIRECTORY: those of this package, unless the administrator has edited them.
remove_client_files() {
  for file in "$1"/* "$other"; do
    if is_client_file "$file" && [ -f "$file" ] && names_key "$file"; then
      if [ "$file" != "$other" ] && is_unchanged "$file"; then
        rm -f "$file"
      else
        say "$file was changed by hand and stays; $key, which it uses, is gone with this package"
      fi
    fi
  done
}
