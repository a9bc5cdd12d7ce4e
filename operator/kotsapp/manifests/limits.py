"""Bounds on what is read, so that no input stalls the operator or exhausts its memory.

They are far above what any release needs and far below what hurts.
"""

MIB = 1024 * 1024

# A ConfigMap or Secret holds 1 MiB and an API request 3 MiB; files on disk and in archives may join many documents.
MAX_SOURCE_BYTES = 32 * MIB
# Every document becomes an object to apply and to watch.
MAX_DOCUMENTS = 20_000
# The deepest known schemas (CustomResourceDefinitions) nest about 60 levels; Python's own recursion ends near 1,000.
MAX_DEPTH = 128
# Scalars, lists and mappings of one source, aliases expanded; 5,000 ordinary Deployments have about 420,000.
MAX_NODES = 1_000_000
# What aliases may add. kubectl stops at about 400,000 nodes; real manifests share a few label blocks.
MAX_ALIAS_NODES = 100_000
# A string that an alias repeats counts as one node for each so many characters.
ALIAS_CHARACTERS_PER_NODE = 64
# Unpacked, all files together; a release folder with its charts is a few MiB.
MAX_ARCHIVE_BYTES = 64 * MIB
MAX_ARCHIVE_FILES = 2_000
