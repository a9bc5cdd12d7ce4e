"""What people type after ``kotsapp``, a module for each command, apart from what carries the command out.

Help and completion need these alone, and a person waits for them: no library is loaded here, which would take up to a
second. ``action`` is the place of the function that carries the command out, in ``kotsapp.cli``.
"""
