"""The static executable: CPython, OpenSSL, glibc and all else that runs, linked into one file.

Made of a Debian or Ubuntu release's own packages and of what the locks name besides; nothing is
installed on the machine that builds.
"""
