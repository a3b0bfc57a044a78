"""CPU time of a whole `waypost ask` on an ingested project, against importing langgraph.graph.

`python benchmarks/startup.py [--runs N]`. Runs the two in turn and prints the median of each and
of their difference; whole processes, as the operating system accounts for them.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
QUESTION = "东站项目的环保措施有哪些？"


def cpu_seconds(command: list[str]) -> float:
    """Run a command and return the processor seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(
            ROOT / "examples" / "urban_construction",
            project,
            ignore=shutil.ignore_patterns(".waypost"),
        )
        waypost = [sys.executable, "-c", "from agent.cli.main import run; run()"]
        ask = [*waypost, "ask", "--project", str(project), "--json", QUESTION]
        baseline = [sys.executable, "-c", "import langgraph.graph"]
        cpu_seconds(ask)  # ingests
        pairs = [(cpu_seconds(baseline), cpu_seconds(ask)) for _ in range(runs)]
    base, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    more = statistics.median(b - a for a, b in pairs)
    print(f"import langgraph.graph  {base:.2f} CPU s")
    print(f"waypost ask             {whole:.2f} CPU s")
    print(f"difference              {more:.2f} CPU s (median of {runs} pairs)")


if __name__ == "__main__":
    main()
