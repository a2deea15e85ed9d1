# Puts files into the image while a layer of several steps is made, as COPY or ADD would with a layer of its own.
#
#     put [--replace] [--owner USER[:GROUP]] NUMBER TARGET
#
# /dev/f3s/NUMBER holds what the engine made of the same instruction in an empty image: `made`, a folder as the engine makes
# missing ones, and in it the one file or folder that was copied. `all` is there where several files may go to a target
# that may be a file: what they become in a folder. --replace: what stands in the way goes, as with ADD of an archive.
# --owner: by name, as the image knows it now. `NUMBER.capabilities`, if it is there, names files that have some.
set -eu
umask 022
export LC_ALL=C
unset CDPATH GLOBIGNORE

fail() {
    echo "$*" >&2
    exit 1
}

exists() { [ -e "$1" ] || [ -L "$1" ]; }

is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }

# GNU's cp, as opposed to busybox's, keeps extended attributes and the times of links.
keeps=
if cp --preserve=xattr --version >/dev/null 2>&1; then keeps=all; fi
cp_keeps_all() { [ -n "$keeps" ]; }

line='
'
mounts=$line
while read -r _ _ _ _ point _; do mounts=$mounts$point$line; done </proc/self/mountinfo

is_mount() { case $mounts in *"$line$1$line"*) ;; *) return 1 ;; esac; }

in_no_layer() { fail "\`$1\` is mounted while commands run, so that no layer keeps it: give this step a layer of its own"; }

# Sets `path`: where in the image $1 leads. Links may lead to what is not there.
resolve() {
    left=$1/ path= links=0
    while [ -n "$left" ]; do
        part=${left%%/*} left=${left#*/}
        case $part in
            '' | .) ;;
            ..) path=${path%/*} ;;
            *)
                if [ -L "$path/$part" ]; then
                    links=$((links + 1))
                    [ "$links" -le 255 ] || fail "\`$1\` leads in a circle"
                    target=$(readlink "$path/$part")
                    case $target in /*) path= ;; esac
                    left=$target/$left
                else
                    path=$path/$part
                fi
                ;;
        esac
    done
}

# Sets `third` and `fourth` to fields of the entry of $2 in $1.
entry() {
    while IFS=: read -r name _ third fourth _ || [ -n "$name" ]; do
        [ "$name" != "$2" ] || return 0
    done <"$1"
    fail "there is no \`$2\` in $1"
}

# Sets `ids` to the numbers of the owner $1. A user alone brings its group.
owner_ids() {
    user=${1%%:*} group=${1#"${1%%:*}"} third=${1%%:*} fourth=${1%%:*}
    case $user in *[!0-9]*) entry /etc/passwd "$user" ;; esac
    ids=$third:$fourth
    case $group in
        : | '') ;;
        *[!0-9:]*) entry /etc/group "${group#:}"; ids=${ids%:*}:$third ;;
        *) ids=${ids%:*}$group ;;
    esac
}

# Makes the folder $1 and those above it.
make_folder() {
    [ ! -d "${1:-/}" ] || return 0
    make_folder "${1%/*}"
    mkdir "$1"
    [ "$made_owner" = 0:0 ] || chown -h "$made_owner" "$1"
    [ "$made_mode" = 755 ] || chmod "00$made_mode" "$1"
}

# True for a folder that an archive does not hold, but something in it.
is_implied() { [ -u "$1" ] && [ -g "$1" ] && [ -k "$1" ] && [ "$(stat -c %a "$1")" = 7000 ]; }

# Makes the folder $1 what the folder $2 is, which gets what the former holds.
take_after() {
    chown "$(stat -c %u:%g "$2")" "$1"
    chmod "00$(stat -c %a "$2")" "$1"
    touch -r "$2" "$1"
    for part in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        # Folders that are there change nothing in the one that holds them.
        if exists "$part" && ! { is_folder "$part" && [ -d "$2/${part##*/}" ]; }; then touch "$1"; fi
    done
}

# Removes from the folder $2 what files of the folder $1 take the place of.
make_way() {
    for new in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        old=$2/${new##*/}
        exists "$old" && exists "$new" || continue
        ! is_mount "$old" || in_no_layer "$old"
        if is_folder "$new" && is_folder "$old"; then
            ! is_implied "$new" || take_after "$new" "$old"
            make_way "$new" "$old"
        elif [ -d "$old" ] && is_implied "$new"; then
            # A link to a folder stays.
            (bring "$new" "$old")
            rm -rf "$new"
        elif [ -z "$replace" ] && is_folder "$new"; then
            fail "a folder cannot take the place of \`$old\`, which is none"
        elif [ -z "$replace" ] && is_folder "$old"; then
            fail "a file cannot take the place of the folder \`$old\`"
        else
            rm -rf "$old"
        fi
    done
}

# Calls the function $1 for files, not for more at once than fit into a command line.
in_batches() {
    action=$1
    shift
    # A pattern that matches nothing stands for itself.
    exists "$1" || return 0
    if [ $# -gt 500 ] && [ -z "$words" ]; then
        while [ "$count" -lt 500 ]; do
            count=$((count + 1))
            words="$words \"\${$count}\""
        done
    fi
    while [ $# -gt 500 ]; do
        eval "$action $words"
        shift 500
    done
    "$action" "$@"
}

# Copies what the folder $1 holds into the folder $2, in one go: hard links stay links.
copy_all() {
    from=$1 to=$2
    set -- "$from"/* "$from"/.[!.]* "$from"/..?*
    if [ $# -gt 500 ]; then
        # They may not fit into a command line. As a whole, the folder also gives its mode, owner and time to the other.
        had_mode=$(stat -c %a "$to") had_owner=$(stat -c %u:%g "$to")
        cp -a "$from/." "$to"
        chown "$had_owner" "$to"
        chmod "00$had_mode" "$to"
        touch "$to"
        return
    fi
    for new in "$@"; do
        shift
        # A pattern that matches nothing stands for itself.
        ! exists "$new" || set -- "$@" "$new"
    done
    [ $# = 0 ] || cp -a "$@" "$to"
}

own() { chown -h "$ids" -- "$@"; }

# Gives what the folder $2 has of the folder $1 to the owner `ids`.
own_all() {
    for pattern in '*' '.[!.]*' '..?*'; do
        # The pattern is expanded in the one folder and means files of the other.
        (
            cd "$1"
            set -- "$2" $pattern
            exists "$2" || exit 0
            cd "$1"
            shift
            in_batches own "$@"
        )
    done
    for new in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if is_folder "$new"; then own_all "$new" "$2/${new##*/}"; fi
    done
}

# Gives what the folder $2 has of the folder $1 what `cp` and a new owner cost it.
settle() {
    for new in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        old=$2/${new##*/}
        if [ -L "$new" ]; then
            cp_keeps_all || touch -h -d "@$(stat -c %Y "$new")" "$old"
        elif [ -d "$new" ]; then
            # GNU's cp leaves these to a folder that has them or inherits them.
            if is_implied "$new"; then
                chmod 00755 "$old"
                touch "$old"
            elif [ -u "$old" ] || [ -g "$old" ] || [ -k "$old" ]; then
                chmod "00$(stat -c %a "$new")" "$old"
            fi
            settle "$new" "$old"
        elif [ -f "$new" ] && [ -n "$owner" ]; then
            settle_file "$new" "$old"
        fi
    done
}

# A new owner costs a file its special bits and its capabilities.
settle_file() {
    if [ -u "$1" ] || [ -g "$1" ]; then chmod "00$(stat -c %a "$1")" "$2"; fi
    if [ -x "$1" ] && cp_keeps_all; then cp --attributes-only --preserve=xattr "$1" "$2"; fi
}

# Brings what the folder $1 holds into the folder $2.
bring() {
    make_way "$1" "$2"
    copy_all "$1" "${2:-/}"
    if [ -n "$owner" ] && [ -n "$is_new" ]; then
        chown -hR "$ids" "$2"
    elif [ -n "$owner" ]; then
        own_all "$1" "${2:-/}"
    fi
    settle "$1" "$2"
}

replace= owner= words= count=0
while :; do
    case $1 in
        --replace) replace=yes && shift ;;
        --owner) owner=$2 && shift 2 ;;
        *) break ;;
    esac
done
brought=/dev/f3s/$1 made=/dev/f3s/$1/made
[ "$(id -u)" = 0 ] || fail "only root can put files into a layer of several steps, and its user is \`$(id -un)\`"
# A pattern that matches nothing brings nothing.
[ -d "$made" ] || exit 0

if ! cp_keeps_all && [ -s "$brought.capabilities" ]; then
    cat "$brought.capabilities" >&2
    fail "this image's \`cp\` does not keep the capabilities of these files: give this step a layer of its own"
fi
made_mode=$(stat -c %a "$made")
made_owner=$(stat -c %u:%g "$made")
if [ -n "$owner" ]; then
    owner_ids "$owner"
    made_owner=$ids
fi
for it in "$made"/* "$made"/.[!.]* "$made"/..?*; do
    if exists "$it"; then break; fi
done

case $2 in
    /*) resolve "$2" ;;
    *) resolve "$PWD/$2" ;;
esac
if [ -d "$brought/all" ] && [ -d "${path:-/}" ]; then it=$brought/all; fi
# A file for a folder goes into it.
if ! is_folder "$it" && [ -d "${path:-/}" ]; then path=$path/${it##*/}; fi
above=$path
while [ -n "$above" ]; do
    ! is_mount "$above" || in_no_layer "$above"
    above=${above%/*}
done
if is_folder "$it"; then
    is_new=
    if ! exists "$path"; then is_new=yes; fi
    make_folder "$path"
    bring "$it" "$path"
    # Newer engines give a folder the time of the one that is copied, which is older than what they have just made.
    [ "$(stat -c %Y "$it")" -ge "$(stat -c %Y "$made")" ] || touch -r "$it" "${path:-/}"
else
    make_folder "${path%/*}"
    ! is_folder "$path" || fail "a file cannot take the place of the folder \`$path\`"
    ! exists "$path" || rm -f "$path"
    cp -a "$it" "$path"
    if [ -n "$owner" ]; then
        chown -h "$ids" "$path"
        settle_file "$it" "$path"
    fi
fi
