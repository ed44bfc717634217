#!/bin/sh
# Lays out the root of an image that holds nothing else: `deploy/image.sh FOLDER PROGRAM…`.
# The programs are linked with glibc: its loader and libraries come along, from where they were linked.
set -eu
root=$1
shift

mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs" "$root/tmp" "$root/work"
# Whoever it is run as: `docker run --user "$(id -u)"`.
chmod 1777 "$root/tmp" "$root/work"
for program in "$@"; do
    cp "$program" "$root/usr/local/bin/"
    ldd "$program" | grep -o '/[^ ]*' | sort -u | xargs cp -L --parents -t "$root"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
# Without it glibc would not read /etc/hosts first.
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'callsheet:x:10001:10001::/work:/sbin/nologin' >"$root/etc/passwd"
echo 'callsheet:x:10001:' >"$root/etc/group"
