# 0 at the removal, 1 at an update
if [ "$1" = 0 ]; then
  for directory in /etc/zypp/repos.d /etc/yum.repos.d; do
    remove_client_files "$directory"
  done
fi
