"""Figures as Markdown, and floors with what became of them."""

import dataclasses
import statistics

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


@dataclasses.dataclass
class Floor:
    """A figure that must be reached; `at_most` if smaller is better."""

    what: str
    value: float
    limit: float
    at_most: bool = False
    unit: str = ""

    def row(self):
        reached = self.value <= self.limit if self.at_most else self.value >= self.limit
        bound = "at most" if self.at_most else "at least"
        verdict = "pass" if reached else "**short**"
        return [self.what, f"{self.value:.2f}{self.unit}", f"{bound} {self.limit:g}{self.unit}", verdict]


@dataclasses.dataclass
class Section:
    """One part of the report."""

    title: str
    text: str
    head: list
    rows: list
    floors: list


def number(value):
    """Three significant digits, or whole with separators."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    """The median, and the range behind it."""
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def ratio(ours, theirs):
    """The median of the rounds' ratios: both sides of a round saw the same machine."""
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def markdown(machine, sections):
    """The whole report."""
    floors = [floor.row() for section in sections for floor in section.floors]
    parts = [
        "Rates are medians of the rounds with their range; ratios are medians of the rounds' own ratios.",
        table(["machine", ""], machine),
        "### Floors",
        table(["what", "measured", "floor", ""], floors),
    ]
    for section in sections:
        parts += ["### " + section.title, section.text, table(section.head, section.rows)]
    return "\n\n".join(parts) + "\n"


def write_between_markers(path, text):
    """Puts the report into the document, in place of the last one."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"`{path}` has no `{BEGIN}` and `{END}`")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
