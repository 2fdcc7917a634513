#!/bin/sh
# Makes a key in a token of SoftHSM below a directory, a gpg-agent that signs with it, and public.asc.
set -e
cd "$1"
mkdir -p tokens gnupg; chmod 700 gnupg
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$1" >softhsm2.conf
export SOFTHSM2_CONF=$1/softhsm2.conf GNUPGHOME=$1/gnupg
module=$(ls /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -n 1)
softhsm2-util --init-token --free --label rws --pin 1234 --so-pin 1234 >/dev/null
openssl req -x509 -newkey rsa:3072 -nodes -keyout key.pem -out cert.pem -days 3650 -subj /CN=rws 2>/dev/null
openssl pkcs8 -topk8 -nocrypt -in key.pem -out key8.pem
softhsm2-util --import key8.pem --token rws --label rws --id a1 --pin 1234 >/dev/null
openssl x509 -in cert.pem -outform DER -out cert.der
pkcs11-tool --module "$module" --login --pin 1234 --token-label rws --write-object cert.der --type cert --id a1 --label rws >/dev/null 2>&1
rm key.pem key8.pem
cat >pinentry <<'P'
#!/bin/sh
echo OK
while read -r line; do
  case $line in
    GETPIN*) printf 'D 1234\nOK\n' ;;
    BYE*) echo OK; exit 0 ;;
    *) echo OK ;;
  esac
done
P
chmod 755 pinentry
printf 'scdaemon-program /usr/bin/gnupg-pkcs11-scd\npinentry-program %s/pinentry\n' "$1" >gnupg/gpg-agent.conf
printf 'providers p1\nprovider-p1-library %s\n' "$module" >gnupg/gnupg-pkcs11-scd.conf
gpgconf --launch gpg-agent
gpg-connect-agent 'SCD LEARN --force' /bye >learned
grip=$(sed -n 's/^S KEYPAIRINFO \([0-9A-F]*\) .*/\1/p' learned | head -n 1)
# the agent makes a stub of the key
gpg-connect-agent "READKEY --card $grip" /bye >/dev/null
cat >params <<P
Key-Type: RSA
Key-Grip: $grip
Key-Usage: sign
Name-Real: RWS test
Name-Email: test@example.invalid
Expire-Date: 0
%commit
P
gpg --batch --gen-key params
gpg --armor --export >public.asc
echo "$grip"
