"""Prints the verdicts of a run and fails unless all are as they must be: python2.7 summary.py index.json [compression]"""
from __future__ import print_function

import collections
import json
import sys

# RFC 6455 does not say when invalid UTF-8 has to be noticed. These cases expect it inside a frame that has not arrived
# in full; this crate checks a frame when it has.
NON_STRICT = ("6.4.3", "6.4.4")

PASSES = ("OK", "INFORMATIONAL")

# The cases that need parameters which a choice of compression does not offer: the suite then does not run them.
NOT_OFFERED = {
    "stateless": ("13.3", "13.4", "13.5", "13.6"),
    "server_context": ("13.3", "13.4", "13.5", "13.6"),
    "both_contexts": (),
}
not_offered = NOT_OFFERED[sys.argv[2]] if len(sys.argv) > 2 else ()


def key(case):
    return [int(part) for part in case.split(".")]


with open(sys.argv[1]) as index:
    (cases,) = json.load(index).values()

sections = collections.defaultdict(collections.Counter)
notes = []
failed = 0
for case in sorted(cases, key=key):
    verdict, close = cases[case]["behavior"], cases[case]["behaviorClose"]
    sections[case.split(".")[0]][verdict] += 1
    allowed = verdict in PASSES or (verdict == "NON-STRICT" and case in NON_STRICT)
    if verdict == "UNIMPLEMENTED" and case.rsplit(".", 1)[0] in not_offered:
        continue
    if not allowed or close not in PASSES:
        failed += 1
    if verdict != "OK" or close not in PASSES:
        notes.append("%-8s %-13s close: %s" % (case, verdict, close))

verdicts = sorted({verdict for counts in sections.values() for verdict in counts})
print("section " + " ".join("%13s" % verdict for verdict in verdicts))
for section in sorted(sections, key=int):
    print("%-7s " % section + " ".join("%13d" % sections[section][verdict] for verdict in verdicts))
print("\n".join([""] + notes))
print("\n%d cases, %d not as they must be" % (len(cases), failed))
sys.exit(failed > 0 or not cases)
