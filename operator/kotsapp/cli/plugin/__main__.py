import sys

from kotsapp.cli.plugin import main

sys.exit(main())
