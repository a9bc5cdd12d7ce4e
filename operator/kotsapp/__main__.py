import sys

from kotsapp.cli import main

sys.exit(main())
