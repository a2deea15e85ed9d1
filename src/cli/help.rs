//! What `--help` and the manual pages say beyond options.

pub const EXAMPLES: &str = "\
Examples:
  f3s init                            write a first recipe and a commented f3s.toml
  f3s run scripts/jmeter-master.rhai  build, check, tag and push an image and what it rests on
  f3s plan                            show what would be built, and why
  f3s doc apk                         show a function of the recipe language";

pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    a build, check or push failed
  2    usage
  3    a script or the configuration is wrong
  4    no engine or registry could be reached
  130  interrupted";

/// Variables that no option names.
pub const ENVIRONMENT: &str = "\
Environment:
  F3S_ALLOW           what projects may have of this machine, as --allow says it, separated by commas
  F3S_CONFIG          the configuration's file [default: f3s.toml, found upward from the recipes]
  F3S_CACHE_DIR       the folder of downloads and logs [default: ~/.cache/f3s]
  F3S_ENGINE_DIR      the folder of the private engine
  XDG_CONFIG_HOME     the folder above f3s/settings.toml, the user's own [default: ~/.config]
  XDG_STATE_HOME      the folder above f3s's key and what was allowed [default: ~/.local/state]
  DOCKER_CONFIG       the folder of Docker's configuration, with credentials and contexts
  DOCKER_AUTH_CONFIG  logins of registries, which go before those of Docker's configuration
  DOCKER_CONTEXT      the context that names the engine
  NETRC               the file with logins of download servers [default: ~/.netrc]
  SOURCE_DATE_EPOCH   the time of what is built, in seconds since 1970
  NO_COLOR            no colours
  CLICOLOR_FORCE      colours, also where there is no terminal
  RUST_LOG            what f3s does and how long it takes, such as f3s=info";

pub const KEYS: &str = "\
Keys:
  r       build again
  f       build again, even if nothing changed
  n, Tab  select the next image
  l       show the log of the selected image, or the last one
  q       quit";
