"""Which headers are stored, and how each is read. One that is neither here nor made of words is dropped."""

from __future__ import annotations

from replay.routes import word_set

DROPPED = word_set(
    """
    content-length transfer-encoding content-encoding trailer keep-alive proxy-connection proxy-authorization
    proxy-authenticate proxy-authentication-info digest content-digest repr-digest want-digest content-md5
    signature signature-input dpop x-amz-security-token x-amz-content-sha256 x-amz-signature x-hub-signature
    x-hub-signature-256 x-signature stripe-signature x-goog-signature x-ssl-client-cert ssl-client-cert
    x-client-cert client-cert client-cert-chain x-forwarded-client-cert x-forwarded-for x-forwarded-host
    x-forwarded-port x-forwarded-server x-forwarded-proto x-real-ip x-client-ip x-cluster-client-ip x-remote-addr
    x-remote-ip x-originating-ip true-client-ip cf-connecting-ip cf-connecting-ipv6 cf-ray cf-ipcountry
    fastly-client-ip forwarded via x-envoy-external-address x-amzn-trace-id x-appengine-user-ip x-azure-clientip
    x-azure-socketip remote-user x-remote-user from alt-svc nel report-to reporting-endpoints
    content-security-policy public-key-pins content-security-policy-report-only strict-transport-security
    expect-ct sec-websocket-key sec-websocket-accept http2-settings early-data p3p server-timing x-powered-by
    x-aspnet-version timing-allow-origin
    """
)
DATES = word_set("date last-modified expires if-modified-since if-unmodified-since sunset retry-after")
URLS = word_set("referer origin location content-location access-control-allow-origin x-original-url x-rewrite-url")
TAGS = word_set("etag if-none-match if-match if-range")
MEDIA = word_set("content-type accept")
AUTHORIZATION = word_set("authorization www-authenticate authentication-info x-authorization")
OPAQUE = word_set(
    """
    x-request-id x-correlation-id x-trace-id x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled traceparent
    tracestate x-csrf-token x-xsrf-token x-csrftoken x-api-key api-key apikey x-auth-token x-access-token
    x-session-id x-session-token x-user-id x-tenant-id x-account-id x-device-id x-client-id x-client-version
    x-app-version idempotency-key x-idempotency-key soapaction x-amz-date x-amz-target content-disposition link
    refresh
    """
)
TOKENS: dict[str, frozenset[str]] = {
    name: word_set(values)
    for name, values in {
        "accept-encoding": "gzip deflate br zstd identity compress *",
        "connection": "keep-alive close upgrade",
        "cache-control": (
            "no-cache no-store no-transform only-if-cached public private must-revalidate proxy-revalidate "
            "must-understand immutable max-age s-maxage max-stale min-fresh stale-while-revalidate stale-if-error"
        ),
        "pragma": "no-cache",
        "upgrade-insecure-requests": "1",
        "sec-fetch-dest": "document empty image script style font iframe worker manifest audio video track object",
        "sec-fetch-mode": "navigate cors no-cors same-origin websocket",
        "sec-fetch-site": "none same-origin same-site cross-site",
        "sec-fetch-user": "?1",
        "sec-purpose": "prefetch prerender",
        "x-requested-with": "xmlhttprequest",
        "dnt": "0 1",
        "sec-gpc": "1",
        "save-data": "on",
        "te": "trailers",
        "accept-ranges": "bytes none",
        "accept-charset": "utf-8 iso-8859-1 *",
        "x-content-type-options": "nosniff",
        "x-frame-options": "deny sameorigin",
        "x-xss-protection": "0 1 mode=block",
        "referrer-policy": (
            "no-referrer no-referrer-when-downgrade origin origin-when-cross-origin same-origin strict-origin "
            "strict-origin-when-cross-origin unsafe-url"
        ),
        "access-control-allow-credentials": "true",
        "expect": "100-continue",
        "upgrade": "websocket h2c",
        "sec-websocket-version": "13",
        "allow": "get head post put patch delete options trace connect",
        "access-control-allow-methods": "get head post put patch delete options trace connect *",
        "access-control-request-method": "get head post put patch delete options trace connect",
        "x-http-method-override": "get head post put patch delete options",
        "sec-ch-ua-mobile": "?0 ?1",
        "priority": "u=0 u=1 u=2 u=3 u=4 u=5 u=6 u=7 i",
        "x-cache": "hit miss bypass expired stale dynamic from cloudfront",
        "cf-cache-status": "hit miss bypass expired stale dynamic",
        "content-language": "en de fr es it nl pt sv da fi nb pl cs ru ja zh ko tr ar he",
        "prefer": "return=minimal return=representation respond-async",
        "x-dns-prefetch-control": "on off",
        "cross-origin-opener-policy": "same-origin same-origin-allow-popups unsafe-none",
        "cross-origin-resource-policy": "same-origin same-site cross-origin",
        "cross-origin-embedder-policy": "require-corp unsafe-none credentialless",
    }.items()
}
"""Headers whose value is a list of known words; a word that is not known is left out."""
NAME_LISTS = word_set(
    """
    vary access-control-allow-headers access-control-expose-headers access-control-request-headers
    """
)
NUMBERS = word_set("age access-control-max-age")
"""Headers whose value is a duration."""
MIME_TYPES = word_set(
    """
    */* text/* image/* audio/* video/* font/* application/* text/plain text/html text/css text/csv text/xml
    text/javascript text/event-stream text/markdown text/calendar text/vcard text/tab-separated-values
    text/x-component text/x-json application/json application/xml application/xhtml+xml application/javascript
    application/x-javascript application/ecmascript application/x-www-form-urlencoded application/octet-stream
    application/pdf application/zip application/gzip application/x-gzip application/x-tar application/rss+xml
    application/atom+xml application/ld+json application/hal+json application/problem+json
    application/vnd.api+json application/json-patch+json application/merge-patch+json application/graphql
    application/graphql-response+json application/x-ndjson application/ndjson application/json-seq
    application/soap+xml application/wasm application/manifest+json application/opensearchdescription+xml
    application/grpc application/grpc-web application/grpc-web+proto application/x-protobuf application/protobuf
    application/msgpack application/x-msgpack application/cbor application/yaml application/x-yaml application/jwt
    application/font-woff application/font-woff2 application/x-font-ttf application/x-font-woff
    application/vnd.ms-fontobject application/signed-exchange application/vnd.apple.mpegurl application/x-mpegurl
    application/dash+xml application/vnd.ms-excel application/msword
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
    application/vnd.openxmlformats-officedocument.wordprocessingml.document application/x-shockwave-flash
    multipart/form-data multipart/mixed multipart/related multipart/alternative multipart/byteranges image/png
    image/jpeg image/jpg image/gif image/webp image/avif image/apng image/svg+xml image/x-icon
    image/vnd.microsoft.icon image/bmp image/tiff image/heic audio/mpeg audio/ogg audio/wav audio/webm audio/aac
    audio/mp4 video/mp4 video/webm video/ogg video/mp2t video/quicktime font/woff font/woff2 font/ttf font/otf
    font/sfnt message/rfc822 message/http binary/octet-stream
    """
)
CHARSETS = word_set(
    """
    utf-8 utf8 us-ascii ascii iso-8859-1 iso-8859-15 windows-1252 utf-16 shift_jis gb2312 gbk euc-jp
    """
)
SERVERS = word_set(
    """
    nginx apache cloudflare gunicorn uvicorn werkzeug kestrel microsoft-iis jetty tomcat envoy istio-envoy caddy
    varnish openresty litespeed gws gse awselb amazons3 cloudfront akamaighost express cowboy puma unicorn
    waitress hypercorn
    """
)
BROWSERS: tuple[tuple[str, str], ...] = (
    # A mark in the agent's text → the family that is stored; the first that is found speaks.
    ("bingbot/", "bingbot"),
    ("Googlebot", "Googlebot"),
    ("bot", "bot"),
    ("Bot", "bot"),
    ("crawler", "bot"),
    ("spider", "bot"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "SamsungBrowser"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "python-requests"),
    ("aiohttp/", "aiohttp"),
    ("python-httpx/", "python-httpx"),
    ("okhttp/", "okhttp"),
    ("axios/", "axios"),
    ("node-fetch/", "node-fetch"),
    ("Go-http-client/", "Go-http-client"),
    ("Java/", "Java"),
    ("Dalvik/", "Dalvik"),
    ("CFNetwork/", "CFNetwork"),
    ("PostmanRuntime/", "PostmanRuntime"),
    ("insomnia/", "insomnia"),
    ("Apache-HttpClient/", "Apache-HttpClient"),
    ("kube-probe/", "kube-probe"),
    ("MSIE ", "MSIE"),
    ("Trident/", "Trident"),
)
DURATIONS_S = (
    0,
    1,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
    172800,
    259200,
    604800,
    1209600,
    2592000,
    5184000,
    7776000,
    15552000,
    31536000,
    63072000,
)
"""Durations pass as the nearest of these."""


def duration_s(seconds: int) -> int:
    """The usual duration that is nearest."""
    return min(DURATIONS_S, key=lambda usual: abs(usual - seconds))
