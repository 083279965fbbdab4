"""Results as a file (machine, versions, lines) and as a table for the documentation."""
import datetime
import json
import os
import pathlib
import platform

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"
PAGE = RESULTS.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def machine():
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release().split("-")[0]}


def write_results(lines, versions, how):
    now = datetime.datetime.now(datetime.timezone.utc)
    path = RESULTS / now.strftime("%Y-%m-%dT%H%M.json")
    path.write_text(json.dumps({"date": now.date().isoformat(), "machine": machine(),
                                "versions": versions, "how": how, "lines": lines}, indent=1) + "\n")
    return path


def _number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _rows(lines):
    rows = ["| measure | Weir | peer | its value | unit | ratio | wanted | met |",
            "|---|---|---|---|---|---|---|---|"]
    for line in lines:
        ratio = "" if line["ratio"] is None or line["peer"] == "-" else f"{line['ratio']:.2f}"
        met = {True: "yes", False: "**no**", None: ""}[line["met"]]
        theirs = "" if line["peer"] == "-" else _number(line["peer_value"])
        rows.append(f"| {line['name']} | {_number(line['weir'])} | {line['peer']} | {theirs} | "
                    f"{line['unit']} | {ratio} | {line['goal']} | {met} |")
    return "\n".join(rows) + "\n"


def _section(results, lines):
    m, v = results["machine"], results["versions"]
    said = ", ".join(f"{name} {version}" for name, version in v.items())
    return (f"Measured {results['date']} on {m['cores']} cores of {m['processor']}, Linux "
            f"{m['kernel']}; {said}; {results['how']}.\n\n" + _rows(lines))


def tables():
    """Each measure as the newest run that has it gives it; a section a run."""
    sections, seen = [], set()
    for path in sorted(RESULTS.glob("*.json"), reverse=True):
        results = json.loads(path.read_text())
        lines = [line for line in results["lines"] if "peer" in line and line["name"] not in seen]
        seen |= {line["name"] for line in lines}
        if lines:
            sections.append(_section(results, lines))
    return "\n".join(reversed(sections))


def update_page():
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(head + BEGIN + tables() + END + tail)
