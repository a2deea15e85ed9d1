//! Commands and their effects, one a line; `⏎` stands for a line break within one.

use super::*;

fn all_are(effect: Effect, commands: &str) {
    for command in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(of(&command.replace('⏎', "\n")), effect, "{command}");
    }
}

#[test]
fn setups() {
    all_are(
        Effect::Setup,
        r##"
            cd /tmp
            cd
            cd -
            cd 'a b'
            cd "$HOME/x"
            "cd" x
            cd /tmp; one=1; : x
            true && cd /a; X=b
            A=1 B='a; b' C="c d"
            export A=1 B
            export PATH="$PATH:/x"
            X=${Y:-z}
            X=~/y
            set -e
            set -euxo pipefail
            set +e -o noglob
            umask 027
            umask u=rwx,g=
            unset A B
            :
            true
            true && :
            # why
            cd /tmp # why
            cd \⏎  /tmp
            X=1⏎Y=$X⏎
        "##,
    );
}

#[test]
fn commands_on_files() {
    all_are(
        Effect::Files,
        r##"
            make
            make && make install; echo 'a; cd b'
            VAR=1 make
            env A=b make
            sudo -u x cd y
            (cd x && make)
            echo $(cd x; pwd) `cd y`
            a | b
            a || true
            ! grep x y
            make # ; cd x
            make \⏎  cd x
            cat <<EOF >x⏎cd $(⏎EOF⏎echo y
            cat <<-'EOF'⏎	exit⏎	EOF
            : > file
            >file
            case $x in a) b;; (c) d;; esac
            if a; then b; elif c; then d; else e; fi
            while a; do b; done
            { a; b; } >c 2>&1
            [ -f x ] && rm x
            [[ a == b ]] && c
            echo cd x
            echo done }
            command -v x
            "$home/bin/x" -version
            find . -exec rm {} \;
            echo $((1 + 2)) >/dev/null
            sh -c 'cd x; exit 1'
            if a; then :; fi
            curl 'http://x/?a=b&c=d' 2>&1
            awk '{ print $1 }' x
            time make
            printf '%s' -v
        "##,
    );
}

#[test]
fn changes_of_the_shell() {
    all_are(
        Effect::Shell,
        r##"
            X=$(cat /run/secrets/x)
            X=`a`
            export X=$(a)
            X=$RANDOM
            X=$?
            X=$1
            read x </y
            exec >log
            trap 'a' EXIT
            a || exit 0
            if a; then exit 0; fi
            return
            shift
            set -- a b
            set a
            set -n
            set
            . ./x
            source x
            eval "$x"
            alias a=b
            getopts a b
            ulimit -n 5
            f() { a; }
            f () ( a )
            function f { a; }
            a=(1 2)
            a+=b
            a[1]=b
            diff <(a) <(b)
            wait
            cd x && make
            cd /a && X=b
            ! cd x
            make; cd x
            if a; then cd x; fi
            { cd x; }
            case $x in a) cd y;; esac
            for x in a b; do c; done
            while read x; do a; done
            a | while read x; do b; done
            cd x || true
            cd x | a
            cd x >/dev/null
            X=1 >y
            X=1 :
            X=1 export Y
            X=1 cd y
            cd a*
            cd ~bob
            cd -P x
            cd a b
            export -p
            umask
            unset -f a
            umask 077; make
            X=1; make
            $CMD x
            $(a) b
            `a`
            command cd x
            builtin cd x
            printf -v x y
            let x=1
            echo ${x:=1}
            echo $((x++))
            ((x = 1))
            [[ a =~ b ]]
            c\d x | y
            'exit'
            2>/dev/null cd x; y
            while a
            until a; do
            if a; then
            fi
            a &&
            a |
            a \
            cat <<EOF
            echo 'a
            (a
            a)
            echo $'\''
            time read x
            X=1 read y
            time -p cd x
            {cd,x}
            chdir x
            \cd x | y
            export A=*
        "##,
    );
}

#[test]
fn what_is_left_to_a_container() {
    all_are(
        Effect::Container,
        r##"
            a &
            a & b
            a &b
            (a &)
            sh -c 'a &'
            a &>b
            nohup a
            service x start
            pg_ctl start -D x
            nginx
            /usr/sbin/sshd
            x --daemonize yes
            mount -t tmpfs a b
            echo 1.2.3.4 x >>/etc/hosts
            echo x >/dev/shm/y
            usermod -d /x root
            a &⏎wait
        "##,
    );
}
