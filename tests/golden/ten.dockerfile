# alpine: registry.example.com/team/alpine:v3.13
FROM alpine:3.13 AS final
ENV BUILD="f3s-docker-file.tencentcloudcr.com/f3s-tcr/alpine:v3.13" FROM="alpine:3.13" TZ="Asia/Shanghai"
COPY .f3s/write/1/repositories /etc/apk/repositories
RUN set -eu; apk add --no-cache --no-progress apache2-utils bind-tools bridge-utils busybox-extras curl ebtables ethtool fio fping iperf3 iproute2 iptables iputils ipvsadm jq lftp lsof mtr netcat-openbsd net-tools nmap procps psmisc rsync smartmontools strace sysstat tcpdump tree tzdata unzip util-linux wget zip
RUN set -eu; \
    zone=/usr/share/zoneinfo/Asia/Shanghai; added=; \
    if [ ! -e $zone ] && command -v apk >/dev/null; then apk add --no-cache --no-progress tzdata; added=yes; fi; \
    if [ ! -e $zone ] && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tzdata; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    if [ ! -e $zone ] && command -v yum >/dev/null; then yum install -y tzdata; yum clean all; rm -rf /var/cache/yum /var/lib/yum/*; fi; \
    rm -f /etc/localtime; cp $zone /etc/localtime; echo Asia/Shanghai >/etc/timezone; \
    if command -v apk >/dev/null; then for folder in /share/zoneinfo /etc/zoneinfo; do mkdir -p $folder/Asia; cp $zone $folder/Asia/Shanghai; done; fi; \
    if [ "$added" ]; then if command -v apk >/dev/null; then apk del --no-progress tzdata; elif command -v apt-get >/dev/null; then apt-get remove -y tzdata; rm -f /var/cache/apt/*.bin; else rpm -e --nodeps tzdata; fi; fi
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="alpine:3.13" org.opencontainers.image.description="Alpine 3.13 with tools for operations and the time zone of Shanghai." org.opencontainers.image.title="alpine"

# ops: registry.example.com/team/alpine:latest
FROM scratch AS final.1
COPY .f3s/artifacts/9d1a1aa263fb5c50eba440a397e9a9301f7067aadbdf772e0e9e2b230b44c96d/sgerrand.rsa.pub /made/sgerrand.rsa.pub
FROM scratch AS final.2
COPY .f3s/artifacts/0ec140ca97b95affee639e984eb9aa61c66743e0d0283fb66067b1e2c5c23577/glibc-2.33-r0.apk /made/glibc-2.33-r0.apk
FROM scratch AS final.3
COPY .f3s/artifacts/8dca7dc6003ce3030edf75f6d25e6a797732648034c9184915e1af17733fe352/glibc-bin-2.33-r0.apk /made/glibc-bin-2.33-r0.apk
FROM scratch AS final.4
COPY .f3s/artifacts/04dbaa08442e1e0c799ad6d20ec4349269ec937b3877bbc71ba3e2d91375f297/glibc-i18n-2.33-r0.apk /made/glibc-i18n-2.33-r0.apk
FROM f3s.invalid/alpine:FINGERPRINT AS final
MAINTAINER westzhao
RUN set -eu; apk add --no-cache --no-progress --upgrade wget curl mysql-client busybox busybox-extras bash bash-doc bash-completion vim unzip
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1 \
    --mount=type=bind,from=final.2,target=/dev/f3s/2 \
    --mount=type=bind,from=final.3,target=/dev/f3s/3 \
    --mount=type=bind,from=final.4,target=/dev/f3s/4 \
    set -eu; exec 2>&1; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put 1 /etc/apk/keys/sgerrand.rsa.pub; \
    echo '#f3s 1'; /bin/sh /dev/f3s/put 2 /tmp/glibc-2.33-r0.apk; \
    echo '#f3s 2'; /bin/sh /dev/f3s/put 3 /tmp/glibc-bin-2.33-r0.apk; \
    echo '#f3s 3'; /bin/sh /dev/f3s/put 4 /tmp/glibc-i18n-2.33-r0.apk; \
    echo '#f3s 4'; (cd /tmp; apk add --no-cache --no-progress glibc-2.33-r0.apk glibc-bin-2.33-r0.apk glibc-i18n-2.33-r0.apk; rm glibc-2.33-r0.apk glibc-bin-2.33-r0.apk glibc-i18n-2.33-r0.apk)
RUN set -eu; \
    export PATH="$PATH:/usr/glibc-compat/bin"; \
    if ! command -v localedef >/dev/null && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends locales; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    localedef -c -i en_US -f UTF-8 C.UTF-8 || test $? -eq 1; \
    mkdir -p /etc/profile.d; \
    echo 'export LANG=C.UTF-8' >/etc/profile.d/locale.sh
ENV LANG="C.UTF-8"
RUN set -eu; \
    zone=/usr/share/zoneinfo/Asia/Shanghai; added=yes; \
    if [ ! -e $zone ] && command -v apk >/dev/null; then apk add --no-cache --no-progress tzdata; added=yes; fi; \
    if [ ! -e $zone ] && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tzdata; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    if [ ! -e $zone ] && command -v yum >/dev/null; then yum install -y tzdata; yum clean all; rm -rf /var/cache/yum /var/lib/yum/*; fi; \
    rm -f /etc/localtime; cp $zone /etc/localtime; echo Asia/Shanghai >/etc/timezone; \
    if command -v apk >/dev/null; then for folder in /share/zoneinfo /etc/zoneinfo; do mkdir -p $folder/Asia; cp $zone $folder/Asia/Shanghai; done; fi; \
    if [ "$added" ]; then if command -v apk >/dev/null; then apk del --no-progress tzdata; elif command -v apt-get >/dev/null; then apt-get remove -y tzdata; rm -f /var/cache/apt/*.bin; else rpm -e --nodeps tzdata; fi; fi
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/alpine:v3.13" org.opencontainers.image.description="Alpine with what operations need in every image: bash, vim, a MySQL client, glibc and a locale." org.opencontainers.image.title="alpine"

# alpine-kona: registry.example.com/team/alpine-kona:latest
FROM scratch AS final.1
ADD .f3s/artifacts/42796829073ba2e2afd24f5b33a4d613ddd1600ac3ff750080152f76c864bb3f/TencentKona8.0.5.b12_jdk_linux-x86_64_8u282.tar /made/files/
FROM f3s.invalid/ops:FINGERPRINT AS final
MAINTAINER westzhao
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1,rw \
    set -eu; exec 2>&1; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put --replace 1 /opt/TencentKona-8.0.5-282; \
    echo '#f3s 1'; (ln -nfs /opt/TencentKona-8.0.5-282 /opt/jdk); \
    export JAVA_HOME='/opt/jdk'; \
    echo '#f3s 2'; (cd /opt/jdk; rm -rf release THIRD_PARTY_README LICENSE ASSEMBLY_EXCEPTION sample demo src.zip man lib/missioncontrol lib/visualvm lib/ant-javafx.jar lib/javafx-mx.jar lib/jconsole.jar jre/lib/amd64/libawt_xawt.so jre/lib/amd64/libjavafx_font_freetype.so jre/lib/amd64/libjavafx_font_pango.so jre/lib/amd64/libjavafx_font.so jre/lib/amd64/libjavafx_font_t2k.so jre/lib/amd64/libjavafx_iio.so jre/lib/amd64/libjfxwebkit.so jre/lib/desktop jre/lib/ext/jfxrt.jar jre/lib/fonts jre/lib/locale jre/lib/oblique-fonts jre/lib/deploy.jar legal jmods lib/src.zip lib/libawt_xawt.so docs)
ENV JAVA_HOME="/opt/jdk"
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/alpine:latest" org.opencontainers.image.description="Alpine with Tencent Kona JDK 8, trimmed." org.opencontainers.image.title="alpine-kona"

# alpine-kona-skywalking: registry.example.com/team/alpine-kona-skywalking:latest
FROM scratch AS final.1
ADD .f3s/artifacts/18744e56ab903704a79902bb303a42bbaad1c9576694de641b82a7c0ebb99d0d/apache-skywalking-apm-8.5.0.tar /made/files/
FROM f3s.invalid/alpine-kona:FINGERPRINT AS final
MAINTAINER westzhao
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1,rw \
    set -eu; exec 2>&1; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put --replace 1 /3.app/skywalking.new; \
    echo '#f3s 1'; (mv /3.app/skywalking.new/agent /3.app/skywalking; rmdir /3.app/skywalking.new)
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/alpine-kona:latest" org.opencontainers.image.description="The Kona JDK with the agent of Apache SkyWalking." org.opencontainers.image.title="alpine-kona-skywalking"

# alpine-nginx: registry.example.com/team/alpine-nginx:latest
FROM f3s.invalid/alpine-kona:FINGERPRINT AS final
MAINTAINER westzhao
RUN set -eu; apk add --no-cache --no-progress --upgrade nginx
COPY scripts/nginx/default.conf /etc/nginx/http.d/default.conf
COPY scripts/nginx/nginx.conf /etc/nginx/nginx.conf
EXPOSE 80 443
CMD ["/usr/sbin/nginx","-g","daemon off;","-c","/etc/nginx/nginx.conf"]
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/alpine-kona:latest" org.opencontainers.image.description="nginx on the Kona base." org.opencontainers.image.title="alpine-nginx"

# centos: registry.example.com/team/centos:v7.8
FROM scratch AS final.1
COPY .f3s/artifacts/cfea70098dfdfc5ca75062fa10160c318b01d1b698eb6ea14c00fe794d9f1cd5/centos7_base.repo /made/centos7_base.repo
FROM scratch AS final
ADD .f3s/artifacts/d35671f053fbd86c5ddc6352ed3ef3966402ff2a9e49f940312ca36581c2ebe7/centos-7.8.2003-x86_64-docker.tar /
LABEL license="GPLv2" name="CentOS Base Image" vendor="CentOS"
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1 \
    set -eu; exec 2>&1; \
    echo '#f3s 0'; (rm -f /etc/yum.repos.d/CentOS-*); \
    echo '#f3s 1'; /bin/sh /dev/f3s/put 1 /etc/yum.repos.d/CentOS-Base.repo
RUN set -eu; \
    for file in /etc/yum.conf /etc/dnf/dnf.conf; do if [ -e $file ]; then sed -i -e '/^tsflags *=/d' -e '/^\[main\]/a tsflags=nodocs' $file; fi; done; \
    grep -qsx tsflags=nodocs /etc/yum.conf /etc/dnf/dnf.conf
RUN set -eu; exec 2>&1; \
    echo '#f3s 0'; (yum=$(command -v yum || command -v dnf); $yum install -y --setopt=tsflags=nodocs atop bind-utils curl dstat ebtables ethtool fping htop iftop iproute jq less lsof mtr nc net-tools nmap-ncat perf psmisc strace sysstat tcpdump telnet tree unzip wget which zip ca-certificates kde-l10n-Chinese glibc-common; $yum clean all; rm -rf /var/cache/yum /var/cache/dnf /var/lib/yum/*); \
    echo '#f3s 1'; (rm -rf /tmp/*)
RUN set -eu; \
    zone=/usr/share/zoneinfo/Asia/Shanghai; added=; \
    if [ ! -e $zone ] && command -v apk >/dev/null; then apk add --no-cache --no-progress tzdata; added=yes; fi; \
    if [ ! -e $zone ] && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tzdata; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    if [ ! -e $zone ] && command -v yum >/dev/null; then yum install -y tzdata; yum clean all; rm -rf /var/cache/yum /var/lib/yum/*; fi; \
    rm -f /etc/localtime; cp $zone /etc/localtime; echo Asia/Shanghai >/etc/timezone; \
    if command -v apk >/dev/null; then for folder in /share/zoneinfo /etc/zoneinfo; do mkdir -p $folder/Asia; cp $zone $folder/Asia/Shanghai; done; fi; \
    if [ "$added" ]; then if command -v apk >/dev/null; then apk del --no-progress tzdata; elif command -v apt-get >/dev/null; then apt-get remove -y tzdata; rm -f /var/cache/apt/*.bin; else rpm -e --nodeps tzdata; fi; fi
COPY --chmod=755 .f3s/artifacts/13a6d33d7ff0fa6489d887fa863ee113d1ab2af003e28ef747ce75315e78992c/dumb-init_1.2.5_x86_64 /usr/local/bin/dumb-init
COPY --chmod=755 .f3s/artifacts/b86f5d4ec40e3efda177ccf3a9a7f8297d98bf1d10414f06ee0ed1959def40e6/gosu-amd64 /usr/local/bin/gosu
RUN set -eu; \
    export PATH="$PATH:/usr/glibc-compat/bin"; \
    if ! command -v localedef >/dev/null && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends locales; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    localedef -c -i zh_CN -f UTF-8 zh_CN.utf8 || test $? -eq 1; \
    mkdir -p /etc/profile.d; \
    echo 'export LC_ALL=zh_CN.utf8' >/etc/profile.d/locale.sh
ENV LC_ALL="zh_CN.utf8"
ENV BUILD="f3s-docker-file.tencentcloudcr.com/f3s-tcr/centos:v7.8" LANG="en_US.UTF-8"
CMD ["/bin/bash"]
LABEL org.opencontainers.image.base.name="scratch" org.opencontainers.image.description="CentOS 7.8 with tools for operations, dumb-init, gosu and a Chinese locale." org.opencontainers.image.title="centos"

# jmeter-base: registry.example.com/team/jmeter-base:latest
FROM scratch AS final.1
ADD .f3s/artifacts/7dad44380f21ad3b4d79a76a23f234ca798d9c6e5fd197c00d7a19c2929739cd/JMeterPlugins-Standard-1.4.0.tar /made/files/
FROM scratch AS final.2
ADD .f3s/artifacts/aaea2b94b015d56467b024631353bc801e6a246239a5bafe3f4b7d2125b7cc3b/bzm-parallel-0.7.tar /made/files/
FROM f3s.invalid/alpine-kona:FINGERPRINT AS final
MAINTAINER westzhao
ADD .f3s/artifacts/abe5a2bcd85971da0b9fb0937bb3647de41eb4747d20a5e6a20578bb29daff4b/apache-jmeter-5.4.1.tar /jmeter/apache-jmeter-5.4.1/
ENV JMETER_HOME="/jmeter/apache-jmeter-5.4.1/"
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1,rw \
    set -eu; exec 2>&1; (set -o pipefail) 2>/dev/null && set -o pipefail; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put --replace 1 /tmp/plugin; \
    echo '#f3s 1'; (cd /tmp/plugin; find . -type f | while read -r file; do if [ ! -e /jmeter/apache-jmeter-5.4.1/"$file" ]; then mkdir -p /jmeter/apache-jmeter-5.4.1/"${file%/*}"; mv "$file" /jmeter/apache-jmeter-5.4.1/"$file"; fi; done; cd /; rm -rf /tmp/plugin)
COPY .f3s/artifacts/a385559889ee4f4af14f1ad188608c790eaa5b409deb1b5a91a402ad21bc53a3/pepper-box-1.0.jar /jmeter/apache-jmeter-5.4.1/lib/ext/pepper-box-1.0.jar
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.2,target=/dev/f3s/2,rw \
    set -eu; exec 2>&1; (set -o pipefail) 2>/dev/null && set -o pipefail; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put --replace 2 /tmp/plugin; \
    echo '#f3s 1'; (cd /tmp/plugin; find . -type f | while read -r file; do if [ ! -e /jmeter/apache-jmeter-5.4.1/"$file" ]; then mkdir -p /jmeter/apache-jmeter-5.4.1/"${file%/*}"; mv "$file" /jmeter/apache-jmeter-5.4.1/"$file"; fi; done; cd /; rm -rf /tmp/plugin)
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/alpine-kona:latest" org.opencontainers.image.description="Apache JMeter with its standard plugins, pepper-box and bzm-parallel." org.opencontainers.image.title="jmeter-base"

# jmeter-grafana-reporter: registry.example.com/team/jmeter-grafana-reporter:latest
FROM golang:1.14.7-alpine3.12 AS build
ADD .f3s/artifacts/b948499aa7e675d2075ade2e80e74066a1facd824a8cb4cfa18afb42a474ca36/reporter.tar /go/src/github.com/8710925/reporter/
WORKDIR /go/src/github.com/8710925/reporter
RUN set -eu; go install -v github.com/8710925/reporter/cmd/grafana-reporter
FROM scratch AS final.1
COPY .f3s/artifacts/0b5916a4c0ddb47b087b25a958100e87c21d09c6476576da082ca90b8b47ac6c/install-unx.sh /made/install-unx.sh
FROM alpine:3.12 AS final
MAINTAINER westzhao
COPY --from=build /go/src/github.com/8710925/reporter/util/texlive.profile /
COPY --from=build /go/src/github.com/8710925/reporter/util/SIMKAI.ttf /usr/share/fonts/west/
COPY .f3s/write/1/repositories /etc/apk/repositories
RUN set -eu; apk add --no-cache --no-progress --upgrade wget curl fontconfig unzip perl-switch
RUN --mount=type=bind,source=.f3s/put,target=/dev/f3s/put \
    --mount=type=bind,from=final.1,target=/dev/f3s/1 \
    set -eu; exec 2>&1; \
    echo '#f3s 0'; /bin/sh /dev/f3s/put 1 /tmp/install-tinytex.sh; \
    echo '#f3s 1'; (export CTAN_REPO=http://mirrors.tuna.tsinghua.edu.cn/CTAN/systems/texlive/tlnet; sh /tmp/install-tinytex.sh --admin --no-path; rm /tmp/install-tinytex.sh; mv ~/.TinyTeX /opt/TinyTeX; /opt/TinyTeX/bin/*/tlmgr path add; chown -R root:adm /opt/TinyTeX; chmod -R g+w /opt/TinyTeX; chmod -R g+wx /opt/TinyTeX/bin; tlmgr update --self --repository http://mirrors.tuna.tsinghua.edu.cn/CTAN/systems/texlive/tlnet; tlmgr install --repository http://mirrors.tuna.tsinghua.edu.cn/CTAN/systems/texlive/tlnet epstopdf-pkg ctex everyshi everysel euenc; fmtutil-sys --all; texhash; mktexlsr)
RUN set -eu; \
    zone=/usr/share/zoneinfo/Asia/Shanghai; added=; \
    if [ ! -e $zone ] && command -v apk >/dev/null; then apk add --no-cache --no-progress tzdata; added=yes; fi; \
    if [ ! -e $zone ] && command -v apt-get >/dev/null; then apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tzdata; apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; fi; \
    if [ ! -e $zone ] && command -v yum >/dev/null; then yum install -y tzdata; yum clean all; rm -rf /var/cache/yum /var/lib/yum/*; fi; \
    rm -f /etc/localtime; cp $zone /etc/localtime; echo Asia/Shanghai >/etc/timezone; \
    if command -v apk >/dev/null; then for folder in /share/zoneinfo /etc/zoneinfo; do mkdir -p $folder/Asia; cp $zone $folder/Asia/Shanghai; done; fi; \
    if [ "$added" ]; then if command -v apk >/dev/null; then apk del --no-progress tzdata; elif command -v apt-get >/dev/null; then apt-get remove -y tzdata; rm -f /var/cache/apt/*.bin; else rpm -e --nodeps tzdata; fi; fi
COPY --from=build /go/bin/grafana-reporter /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/grafana-reporter","-ip","jmeter-grafana:3000"]
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="alpine:3.12" org.opencontainers.image.description="Reports of JMeter runs as PDF, from Grafana, with LaTeX and a Chinese font." org.opencontainers.image.title="jmeter-grafana-reporter"

# jmeter-master: registry.example.com/team/jmeter-master:latest
FROM f3s.invalid/jmeter-base:FINGERPRINT AS final
MAINTAINER westzhao
EXPOSE 60000
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/jmeter-base:latest" org.opencontainers.image.description="JMeter controller: runs a test plan and drives the slaves." org.opencontainers.image.title="jmeter-master"

# jmeter-slave: registry.example.com/team/jmeter-slave:latest
FROM f3s.invalid/jmeter-base:FINGERPRINT AS final
MAINTAINER westzhao
EXPOSE 1099 50000
ENTRYPOINT $JMETER_HOME/bin/jmeter-server -Dserver.rmi.localport=50000 -Dserver_port=1099
LABEL org.opencontainers.image.base.digest="" org.opencontainers.image.base.name="registry.example.com/team/jmeter-base:latest" org.opencontainers.image.description="JMeter slave: generates load as the controller says." org.opencontainers.image.title="jmeter-slave"

