"""Every bound on what a registry can make us do, with its reason. Sizes are bytes, times are seconds."""

from typing import NamedTuple

# A token answer is a JWT and a few numbers, an error answer a few lines of JSON: real ones stay under 10 KiB.
MAX_TOKEN_BODY = 64 * 1024
MAX_ERROR_BODY = 64 * 1024
# Real ones stay under 100 KiB, also those of hundreds of layers. (The distribution spec lets registries take 4 MiB.)
MAX_MANIFEST_BODY = 1024 * 1024
# Objects and lists in one; real ones have five for each layer or platform. Each takes some 70 bytes when it is parsed.
MAX_MANIFEST_PARTS = 20_000
# Most manifests and indexes are smaller than an error may be; of larger ones so many are read at once, over all hosts,
# so that bodies, which are there twice for a moment, take 16 MiB at the most.
MAX_LARGE_BODIES = 8
# ... and no more of one host, which may send them slowly.
MAX_LARGE_BODIES_HOST = 2
# One header line and all of them: CDNs send 2 to 3 KiB in all; a long challenge is under 1 KiB.
MAX_HEADER_LINE = 16 * 1024
MAX_HEADERS = 128
# 100 and 103 come once or twice; nothing sends more.
MAX_INTERIM_ANSWERS = 8
# The longest URL that proxies and servers commonly take; a signed redirect is about 1 KiB.
MAX_URL = 8 * 1024
# All challenges of an answer: one with its scopes is under 1 KiB; reading is linear, this bounds what is kept.
MAX_CHALLENGE = 8 * 1024
MAX_CHALLENGES = 16
# What is kept of a host's challenge for its next image. A longer one is met when it comes.
MAX_KEPT_CHALLENGE = 1024

MAX_REDIRECTS = 3
# One for the registry's challenge; one more for a cached token gone stale or a redirect target's own challenge.
MAX_TOKEN_ROUNDS = 2
# HEAD, token, HEAD, GET with the redirects of each, and room for one retry; a registry that needs more plays with us.
MAX_REQUESTS = 12

# The token spec: 60 s when the answer says nothing. The cap keeps a generous token from outliving a rotation.
DEFAULT_TOKEN_LIFETIME = 60.0
MAX_TOKEN_LIFETIME = 3600.0
MAX_CACHED_TOKENS = 4096
# Characters of all of them, with what they are for: real ones have 1 to 4 KiB, a token service may send 16.
MAX_CACHED_TOKEN_TEXT = 4 * 1024 * 1024
# Up to a KiB each, and as many of what the proxy said: what an app found last is in its status, too.
MAX_CACHED_VERDICTS = 10_000

# As many as a container runtime's own parallel downloads times a few nodes: no registry minds it.
DEFAULT_MAX_CONCURRENT = 8
MAX_MAX_CONCURRENT = 64
# Sockets open at once over all hosts, well under the usual 1024 file descriptors. A namespace has half of them at the
# most, and an app a third: hosts that answer once and then hang hold each of theirs until the deadline.
MAX_CONCURRENT_TOTAL = 256
# Hosts that have not answered yet, or failed just now, may be silent until the deadline: no more than these for one,
# and for all of them together, so that the others always have slots.
DOUBTFUL_CONCURRENT = 2
MAX_CONCURRENT_DOUBTFUL = 192
# A further slot at a failing host, and one of the slots at any other, is for a namespace that has none there: images
# that hang hold theirs until the deadline, and others of the same host are none the worse for it. Not where an
# administrator wants fewer than these.
FOR_NEW = 1
MIN_SHARED = 4
# The part of a question's time for which it waits for its slot: all of it, and a moment more, so that it hears what
# those have found who were asked since.
PATIENCE = 1.1
# The part of it that is the registry's however long it waited.
REGISTRY_SHARE = 0.5
# Whoever has waited for more than this part of the time does not hear that the registry was too slow.
SHORT_WAIT_SHARE = 0.1
# What got no slot is asked again soon: nobody has failed.
QUEUED_PAUSE = 1.0
# Idle connections close themselves before the usual 60 s of load balancers does it for us.
KEEPALIVE = 30.0
# getaddrinfo can't be cancelled: a name server that is silent holds a thread for many seconds, and names that do
# resolve must not wait for that: a namespace has half of the threads at the most, and an app a third.
RESOLVER_THREADS = MAX_CONCURRENT_TOTAL
DNS_CACHE = 30
MAX_DNS_CACHE = 4096

# Followers of a host's first request wait for its challenge no longer than this, nor than this part of their own
# deadline, then ask by themselves.
MAX_DISCOVERY_WAIT = 2.0
DISCOVERY_SHARE = 0.25

# A host that fails waits 1 s, 2 s, 4 s ... 5 min; what a server asks for itself is honoured up to 15 min.
BACKOFF_BASE = 1.0
BACKOFF_CAP = 300.0
MAX_RETRY_AFTER = 900.0
# A wait this short is waited out inside the probe; a longer one is the caller's to schedule.
MAX_INLINE_WAIT = 2.0
# Who asks each image, come what may, waits so long in between where others have failed: a few at once, not a storm.
ASK_EACH_PAUSE = 1.0
# Failures in a row that may be one image's fault, after which the namespace whose images fail leaves the host alone; so
# many namespaces with such images tell that it is not the images.
STRIKES = 3
# An image without a verdict is asked again after 5 s, 10 s ... 5 min.
UNDECIDED_BASE = 5.0

MAX_REGISTRIES_FILE = 1024 * 1024
# Manifests name the hosts, so metrics must not grow with them.
MAX_METRIC_HOSTS = 100
# States of hosts that are kept while nobody asks them.
MAX_HOSTS = 4096
MAX_CODE = 64


class Shared(NamedTuple):
    """What all apps share, for who has less of it than a whole operator, such as a test; ``backoff_base`` is how long a
    host that failed once is left alone, in seconds."""

    requests: int = MAX_CONCURRENT_TOTAL
    doubtful: int = MAX_CONCURRENT_DOUBTFUL
    large_bodies: int = MAX_LARGE_BODIES
    discovery_wait: float = MAX_DISCOVERY_WAIT
    backoff_base: float = BACKOFF_BASE


SHARED = Shared()
