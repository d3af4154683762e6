#!/bin/bash
# Health check of a service's container: is /readyz 200? Bash can ask that by itself, which costs
# a hundredth of starting Node every few seconds, and the image has no other HTTP client.
exec 3<>"/dev/tcp/127.0.0.1/${ORRERY_HTTP_PORT:?}" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r -t 2 -u 3 _ status _ || exit 1
[ "$status" = 200 ]
