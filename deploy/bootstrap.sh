#!/bin/bash
# Installs the package of firesteel on a machine that AWS's tools are on: as bootstrap action of EMR, or from the user data of an instance.
# usage: bootstrap.sh --artifact s3://BUCKET/…/firesteel-VERSION-linux-ARCH.tar.gz --sha256 HEX --prefix /opt/firesteel
#
# Downloads the package (up to four times, with waits), compares its digest, unpacks it beside the prefix, has it say its version, and
# only then moves it into place, so that a package that doesn't run replaces nothing. What is already installed from the same package is
# left alone. Of a cluster only the primary gets it: where instance.json says that this is another node, there is nothing to do.
#
# Runs as root, or as a user who may use sudo. On success the last line of stdout says what is installed. On failure there is exactly one
# line, on stderr: "bootstrap: <what> failed: <why>", and the exit code is 1. Credentials are the business of the AWS CLI; whatever it
# says is shown without anything that looks like one.
set -euo pipefail
# No pattern of a name may match anything, and nothing but this user may read what is downloaded.
set -f
umask 077

readonly instance_info=/mnt/var/lib/info/instance.json
readonly tries=4
readonly first_wait_seconds=2

doing=start
reported=
temporary=
staged=

# Prints the one line of a failure and ends.
fail() {
  reported=1
  printf 'bootstrap: %s failed: %s\n' "$doing" "$(tr -s '\n\r\t ' ' ' <<<"$*" | sed 's/ $//')" >&2
  exit 1
}

# The last line that a command left in the log, without what looks like a key, a secret or a token.
last_words() {
  local words
  words=$(grep -v '^[[:space:]]*$' "$temporary/log" 2>/dev/null | tail -n 1 |
    sed -E 's/(AKIA|ASIA)[A-Z0-9]{12,}/***/g; s/[A-Za-z0-9+/=]{40,}/***/g' | cut -c1-300) || true
  printf '%s' "${words:-no message}"
}

clean_up() {
  local code=$?
  trap - EXIT
  [ -z "$temporary" ] || rm -rf "$temporary"
  [ -z "$staged" ] || as_root rm -rf "$staged" 2>/dev/null || true
  if [ "$code" != 0 ] && [ -z "$reported" ]; then
    printf 'bootstrap: %s failed: exit code %s\n' "$doing" "$code" >&2
    code=1
  fi
  exit "$code"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Runs a command whose words are kept for last_words alone.
quietly() { "$@" >>"$temporary/log" 2>&1; }

installed_version() { "$1/bin/firesteel" --version 2>>"$temporary/log"; }

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

doing="reading the arguments"
artifact='' digest='' prefix=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 has no value"
  case $1 in
    --artifact) artifact=$2 ;;
    --sha256) digest=$2 ;;
    --prefix) prefix=$2 ;;
    *) fail "unknown argument '$1'; there are --artifact, --sha256 and --prefix" ;;
  esac
  shift 2
done
[[ $artifact =~ ^s3://[^/]+/.+\.tar\.gz$ ]] || fail "--artifact '$artifact' is not like s3://BUCKET/NAME.tar.gz"
[[ $digest =~ ^[0-9a-f]{64}$ ]] || fail "--sha256 '$digest' is not 64 hex digits in lower case"
[[ $prefix =~ ^(/[A-Za-z0-9._-]+){2,}$ && ! $prefix/ =~ /\.\.?/ ]] || fail "--prefix '$prefix' is not an absolute path below a folder"

doing="looking at the node"
if grep -Eq '"isMaster"[[:space:]]*:[[:space:]]*false' "$instance_info" 2>/dev/null; then
  echo "bootstrap: not the primary node, nothing to install"
  exit 0
fi

temporary=$(mktemp -d 2>/dev/null) || fail "no temporary folder can be made in ${TMPDIR:-/tmp}"

doing="looking at $prefix"
if [ -e "$prefix" ]; then
  if [ "$(cat "$prefix/.package-sha256" 2>/dev/null)" = "$digest" ] && version=$(installed_version "$prefix"); then
    echo "bootstrap: $version is in $prefix already"
    exit 0
  fi
  if [ ! -d "$prefix" ] || [ -L "$prefix" ]; then fail "it is no folder"; fi
  # Remains of an installation are replaced; what is something else is not ours to remove.
  others=$(as_root ls -A "$prefix" | grep -vxE 'bin|lib|share|\.package-sha256' | head -n 3 | tr '\n' ' ') || true
  [ -z "$others" ] || fail "it holds what is not of firesteel: $others"
fi

doing="downloading $artifact"
wait_seconds=$first_wait_seconds
for ((try = 1; ; ++try)); do
  if quietly aws s3 cp --only-show-errors "$artifact" "$temporary/package.tar.gz"; then break; fi
  [ "$try" -lt "$tries" ] || fail "$(last_words) (tried $tries times)"
  sleep "$wait_seconds"
  wait_seconds=$((wait_seconds * 2))
done

doing="checking $artifact"
actual=$(sha256sum "$temporary/package.tar.gz" | cut -d' ' -f1)
[ "$actual" = "$digest" ] || fail "its SHA-256 is $actual, not $digest"

doing="unpacking $artifact"
parent=$(dirname "$prefix")
quietly as_root mkdir -p -m 755 "$parent" || fail "$(last_words)"
# What an attempt that was killed left behind.
quietly as_root find "$parent" -mindepth 1 -maxdepth 1 -name "$(basename "$prefix").bootstrap-*" -exec rm -rf '{}' + || true
staged=$prefix.bootstrap-$$
quietly as_root mkdir -m 755 "$staged" || fail "$(last_words)"
quietly as_root tar -xzf - -C "$staged" --strip-components=1 --no-same-owner -p <"$temporary/package.tar.gz" || fail "$(last_words)"
quietly as_root tee "$staged/.package-sha256" <<<"$digest" || fail "$(last_words)"
quietly as_root chmod 644 "$staged/.package-sha256" || fail "$(last_words)"

doing="running the firesteel of $artifact"
version=$(installed_version "$staged") || fail "$(last_words)"

doing="moving $prefix into place"
if [ -e "$prefix" ]; then
  quietly as_root mv -T "$prefix" "$staged-old" || fail "$(last_words)"
  quietly as_root mv -T "$staged" "$prefix" || {
    quietly as_root mv -T "$staged-old" "$prefix" || true
    fail "$(last_words)"
  }
  staged=$staged-old
else
  quietly as_root mv -T "$staged" "$prefix" || fail "$(last_words)"
  staged=
fi

doing="running $prefix/bin/firesteel"
version=$(installed_version "$prefix") || fail "$(last_words)"
echo "bootstrap: installed $version in $prefix"
