# The slow half of the image: the system and the Python libraries of the stand-ins.
# BASE is debian:12-slim where a registry answers, else a tree that debootstrap made.
ARG BASE=debian:12-slim
FROM ${BASE}
COPY packages.txt settle.sh /build/
RUN sh /build/settle.sh packages
COPY lib /usr/lib/pawl/lib
RUN sh /build/settle.sh settle
