is_client_file() { case $1 in *.list | *.sources) [ -e "$1" ] || [ -L "$1" ] ;; *) return 1 ;; esac; }

# Whether a file of sources.list(5) has the archive and suite of this package.
names_repository() {
  case $1 in
    *.sources) stanzas_name_repository <"$1" ;;
    *) lines_name_repository <"$1" ;;
  esac
}

# The one-line form: TYPE [OPTIONS] URI SUITE COMPONENT…
lines_name_repository() {
  while IFS= read -r line || [ -n "$line" ]; do
    set -f
    # shellcheck disable=SC2086 # words are wanted
    set -- $line
    set +f
    case ${1-} in deb | deb-src) shift ;; *) continue ;; esac
    case ${1-} in
      '['*)
        while [ $# != 0 ]; do
          case $1 in *']') shift && break ;; *) shift ;; esac
        done
        ;;
    esac
    if [ "${1%/}" = "$archive" ] && [ "${2-}" = "$suite" ]; then return 0; fi
  done
  return 1
}

# The deb822 form. A stanza that is switched off counts: the administrator does not want the source.
stanzas_name_repository() {
  carriage_return=$(printf '\r') field='' uris='' suites=''
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      '#'*) continue ;;
      ' '* | '	'*) value=$line ;;
      *:*) field=${line%%:*} value=${line#*:} ;;
      *)
        if stanza_names_repository; then return 0; fi
        field='' uris='' suites=''
        continue
        ;;
    esac
    case $field in
      [Uu][Rr][Ii][Ss]) uris="$uris ${value%"$carriage_return"}" ;;
      [Ss][Uu][Ii][Tt][Ee][Ss]) suites="$suites ${value%"$carriage_return"}" ;;
    esac
  done
  stanza_names_repository
}

stanza_names_repository() {
  matches=no
  set -f
  for uri in $uris; do
    for each in $suites; do
      if [ "${uri%/}" = "$archive" ] && [ "$each" = "$suite" ]; then matches=yes; fi
    done
  done
  set +f
  [ "$matches" = yes ]
}

# Whether apt is older than 1.1, which brought deb822 sources and Signed-By.
is_old_apt() {
  version=$(dpkg-query --show --showformat='${Version}' apt 2>/dev/null) || return 1
  [ -n "$version" ] && dpkg --compare-versions "$version" lt '1.1~'
}
