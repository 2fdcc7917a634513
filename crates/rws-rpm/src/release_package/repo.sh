is_client_file() { case $1 in *.repo) [ -e "$1" ] || [ -L "$1" ] ;; *) return 1 ;; esac; }

# Whether a .repo file has the repository of this package: by the name of its section, or by an address.
names_repository() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      '#'* | ';'* | gpgkey*) ;;
      "[$file_name]"* | *"$base/$target/"* | *"$base/-/mirrorlist/$target/"*) return 0 ;;
    esac
  done <"$1"
  return 1
}
