"""`python -m tests.simulation --seeds N --first-seed K`: runs seeds, prints what was reached.

A failing seed is printed with what is wrong; run it alone with `--seeds 1 --first-seed SEED`. Ends
with 1 when a seed failed.
"""

import argparse
import sys
import traceback
from collections import Counter

from tests.simulation.run import run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    failed = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        try:
            total += run_seed(seed)
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed} failed: {type(error).__name__}: {error}", flush=True)
            if arguments.verbose:
                traceback.print_exc()
    for name, times in sorted(total.items()):
        print(f"{times:8} {name}")
    print(f"{arguments.seeds - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
