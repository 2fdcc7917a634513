if [ "$1" = remove ]; then
  remove_client_files "$root/etc/apt/sources.list.d"
  rm -f "$trusted"
fi
