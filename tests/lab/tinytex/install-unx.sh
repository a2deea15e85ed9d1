#!/bin/sh
# A stand-in for TinyTeX's installer: it fetches its package manager from the CTAN mirror, as the real one does.
set -e
bin=$HOME/.TinyTeX/bin/x86_64-linuxmusl
mkdir -p "$bin" "$HOME/.TinyTeX/texmf-dist"
wget -q -O "$bin/tlmgr" "$CTAN_REPO/tlmgr"
chmod +x "$bin/tlmgr"
for program in fmtutil-sys texhash mktexlsr; do
    printf '#!/bin/sh\necho "%s: done"\n' $program >"$bin/$program"
    chmod +x "$bin/$program"
done
