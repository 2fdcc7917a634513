# 1 at the first installation, more at an update
first=no
if [ "$1" = 1 ]; then first=yes; fi

if [ -d /etc/zypp/repos.d ]; then
  install_client_file /etc/zypp/repos.d "$file_name.repo" "/usr/share/$package/$file_name.zypper.repo" "$first"
fi
if [ -d /etc/yum.repos.d ] || [ ! -d /etc/zypp/repos.d ]; then
  # yum 3, of EL 6 and 7, keeps mirror lists too long
  form=repo
  if [ -d /usr/share/yum-cli ]; then form=yum.repo; fi
  install_client_file /etc/yum.repos.d "$file_name.repo" "/usr/share/$package/$file_name.$form" "$first"
fi
