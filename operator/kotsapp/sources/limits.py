"""Every bound on what a source can make us do, with its reason. Sizes are bytes, times are seconds."""

MIB = 1024 * 1024

# What the reading of a release may take in (release/budget.py): more could be fetched, and not be read.
MAX_ARCHIVE = 16 * MIB
# A list of pending releases with their notes, or a license: real ones stay under 100 KiB.
MAX_DOCUMENT = MIB
# One small answer, redirects included. Real ones take a second.
ASK_SECONDS = 20.0
# The largest archive at a megabit a second.
FETCH_SECONDS = 150.0
MAX_REDIRECTS = 3
# Looks at once over all apps: a silent server holds one for ASK_SECONDS.
MAX_LOOKS = 16
# Archives on their way at once, each of which may be MAX_ARCHIVE in memory, twice for a moment.
MAX_FETCHES = 2
# Releases that a channel may have had since; the reader of JSON is bounded by MAX_DOCUMENT already.
MAX_PENDING = 2_000
# Texts that a release brings into status, events and template calls.
MAX_LABEL = 256
MAX_NOTES = 16 * 1024
# Of status.availableReleases.
MAX_AVAILABLE = 10
# A chart's or an artifact's manifest: real ones stay under 5 KiB, those of images under 50.
MAX_MANIFEST = 256 * 1024
# Tags from which a version is picked: 1,000 a page, in registries that heed it, of which each is 20 to 60 bytes.
MAX_TAGS_BODY = 256 * 1024
MAX_TAGS = 10_000
MAX_TAG_PAGES = 100
# All pages together: one after the other, each just in time, they would hold a look for half an hour.
LIST_SECONDS = 60.0
