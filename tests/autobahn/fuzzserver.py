"""Runs the fuzzing server of the Autobahn test suite: python2.7 fuzzserver.py PACKAGES SPEC.json

PACKAGES is a folder that `pip install --target` has filled. The suite's own `wstest` does not find the namespace
packages in such a folder.
"""
import site
import sys

packages, spec = sys.argv[1:]
site.addsitedir(packages)
sys.path.insert(0, packages)

from autobahntestsuite.wstest import run  # noqa: E402

# 0: without the web server that would otherwise want port 8080.
sys.argv = ["wstest", "-m", "fuzzingserver", "-u", "0", "-s", spec]
run()
