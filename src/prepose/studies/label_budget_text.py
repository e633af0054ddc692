"""A label plan as text: each law with its fit, and what it says of the next labels."""

from collections.abc import Iterator

from rich.console import Console, RenderableType

from prepose.console import PlainConsole, table_of
from prepose.studies.analysis.wording import NONE, figure, interval, measure
from prepose.studies.label_budget import (
    SYMBOLS,
    VARIABLES,
    LabelLaw,
    LabelPlan,
    noun_of,
    written_amount,
)


def print_label_plan(plan: LabelPlan, console: Console | None = None) -> None:
    """Print each law with its fit, and what it says of the next labels."""
    console = console or PlainConsole()
    for line in _lines(plan):
        console.print(line, soft_wrap=isinstance(line, str))


def _lines(plan: LabelPlan) -> Iterator[RenderableType]:
    name = plan.measure
    for law in (law for law in plan.laws if law.terms):
        yield f"{law.set}, {law.training}: {law.stages}"
        yield f"  {_formula(law, name)}"
        yield _terms_table(law, name)
        constant = figure(law.left_out_constant, name)
        yield (
            f"  A level left out is predicted within {figure(law.left_out, name)} (a constant: {constant}; standard "
            f"error of a level's mean: {figure(law.noise, name)}). {law.verdict}"
        )
        yield "  Effect: over the range seen; to gain: what more of it can bring at most; in brackets: 95 % intervals."
        yield from (f"  * {note}" for note in law.notes)
        yield from _said(law, plan)
        yield ""
    without = [law for law in plan.laws if not law.terms]
    if without:
        names = dict.fromkeys(f"{law.training} ({law.refused})" for law in without)
        yield "No law: " + "; ".join(names)


def _formula(law: LabelLaw, name: str) -> str:
    terms = [
        f"{term.at_most:.3g} ({SYMBOLS[term.variable]} / {written_amount(term.variable, term.largest)})"
        f"^-{term.exponent:.2f}"
        for term in law.terms
    ]
    trainings = sum(len(level.errors) for level in law.levels)
    floor = figure(law.floor, name, unit=False)
    return (
        f"{measure(name).title} = {' + '.join([floor, *terms])} {measure(name).unit}; {len(law.levels)} levels, "
        f"{trainings} trainings"
    )


def _terms_table(law: LabelLaw, name: str) -> RenderableType:
    unit = measure(name).unit
    table = table_of("  term", "seen", "exponent", f"effect, {unit}", f"to gain, {unit}", dense=True)
    table.add_row("  E", "", "", "", f"{figure(law.floor, name, unit=False)} ({interval(law.floor_interval, name)})")
    for term in law.terms:
        variable, ends = term.variable, term.exponent_interval
        table.add_row(
            f"  {SYMBOLS[variable]}",
            f"{written_amount(variable, term.least)} to {written_amount(variable, term.largest)}",
            f"{term.exponent:.2f} ({ends.low:.2f} to {ends.high:.2f})",
            f"{figure(term.effect, name, unit=False)} ({interval(term.effect_interval, name)})",
            f"{figure(term.at_most, name, unit=False)} ({interval(term.at_most_interval, name)})",
        )
    return table


def _said(law: LabelLaw, plan: LabelPlan) -> Iterator[RenderableType]:
    if law.refused:
        yield f"  Nothing is said: {law.refused}"
        return
    have = [
        f"{written_amount(variable, law.have[variable])}{'' if variable == 'flops' else ' ' + noun_of(variable)}"
        for variable in VARIABLES
        if law.have and law.have[variable]
    ]
    name = plan.measure
    yield f"  With {', '.join(have)}:"
    table = table_of("  next", "error", "95 %", "gain", "95 %")
    table.add_row("  nothing more", figure(law.now, name), interval(law.now_interval, name), NONE, NONE)
    for step in law.steps:
        numbers = (figure(step.error, name), interval(step.error_interval, name), figure(step.gain, name),
                   interval(step.gain_interval, name))  # fmt: skip
        table.add_row(f"  {step.what}", *(numbers if not step.refused else (NONE,) * 4))
    yield table
    yield from (f"  {step.what}: {step.refused}" for step in law.steps if step.refused)
    if law.better:
        yield f"  {law.better}"
