"""The page of `prepose serve`, laid out with Gradio: which controls there are, and what they ask of `answers`.

The examples are synthetic people, in small files that ship; `tests/serve_examples.py` rendered them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from prepose.errors import DataError, PoseError
from prepose.web.answers import Answers, box_between, frame_title, message, told, view_of
from prepose.web.estimate import Estimated

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Example:
    """A file to try the page with.

    Attributes:
        file: Its name in `FOLDER`.
        title: What it shows.
        boxes: Each person's box: x, y, width, height, px.
    """

    file: str
    title: str
    boxes: tuple[tuple[int, int, int, int], ...]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return FOLDER / self.file

    @property
    def boxes_text(self) -> str:
        """The boxes as the page's field for them has them: one person a line."""
        return "\n".join(", ".join(map(str, box)) for box in self.boxes)


EXAMPLES = (
    Example("running.jpg", "one person", ((114, 51, 115, 291),)),
    Example("occluded.jpg", "partly occluded", ((98, 31, 187, 325),)),
    Example("two-people.jpg", "two people", ((58, 61, 85, 286), (176, 38, 150, 304))),
    Example("exercise.mp4", "a video", ((78, 25, 99, 206),)),
)


TITLE = "prepose: 3D poses from photos and videos"
CSS = (files("prepose.web") / "page.css").read_text(encoding="utf-8")
# Without the fonts that Gradio's themes take from a font server.
THEME = gr.themes.Default(  # pyright: ignore[reportPrivateImportUsage]
    font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300")
# Files of a page that nobody uses are removed after an hour, looked for every ten minutes, s.
_KEPT_SECONDS, _LOOKED_FOR_SECONDS = 3600, 600
_START_AZIMUTH = 20
# Nothing is offered as an API.
_PRIVATE: dict[str, Any] = {"api_visibility": "private"}


@dataclass(frozen=True, eq=False)
class _Controls:
    upload: gr.File
    camera: gr.Image
    examples: gr.Dataset
    boxes: gr.Textbox
    smooth: gr.Checkbox
    again: gr.Button
    status: gr.HTML
    results: gr.Column
    picture: gr.Image
    pose: gr.Plot
    frame: gr.Slider
    azimuth: gr.Slider
    person: gr.Radio
    table: gr.HTML
    downloads: gr.File
    file: gr.State
    found: gr.State
    corner: gr.State


def build_page(answers: Answers, about: str) -> gr.Blocks:
    """The page.

    Args:
        answers: What it asks.
        about: A line that says which network it is, and what it learnt from.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_LOOKED_FOR_SECONDS, _KEPT_SECONDS)) as page:
        controls = _layout(answers, about)
        _connect(controls, answers)
    return page


def _layout(answers: Answers, about: str) -> _Controls:
    bounds = answers.bounds
    gr.HTML(f"<h1>3D poses from photos and videos</h1>{message(about)}")
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            with gr.Tabs():
                with gr.Tab("Photo or video"):
                    upload = gr.File(label=f"Photo or video, up to {bounds.most_bytes / 1e6:g} MB", height=170)
                with gr.Tab("Camera"):
                    camera = gr.Image(label="Camera", sources=["webcam"], type="filepath", format="png", height=260)
            examples = gr.Dataset(
                label="Examples: synthetic people",
                components=[gr.Textbox(visible=False)],
                samples=[[each.title] for each in EXAMPLES],
                type="index",
                elem_id="examples",
            )
            with gr.Accordion("Who is in it", open=False):
                usual = "whom the detector finds" if answers.find else "one person who fills the image"
                boxes = gr.Textbox(
                    label="Boxes: x, y, width, height, px; a person a line",
                    info=f"Empty: {usual}. Two clicks on the picture, on opposite corners of a person, add a box.",
                    lines=2,
                    max_lines=6,
                    elem_id="boxes",
                )
                smooth = gr.Checkbox(label="Smooth videos over time")
                again = gr.Button("Estimate again", elem_id="again")
        with gr.Column(scale=3, min_width=320):
            status = gr.HTML(message("Choose a photo or a video, or an example."), elem_id="status")
            with gr.Column(visible=False) as results:
                shown = _results()
    states: dict[str, Any] = {"file": gr.State(None), "found": _result_state(), "corner": gr.State(None)}
    return _Controls(upload, camera, examples, boxes, smooth, again, status, results, **shown, **states)


def _results() -> dict[str, Any]:
    with gr.Row(equal_height=True):
        picture = gr.Image(
            label="Photo", type="filepath", format="jpeg", interactive=False, height=430, buttons=["fullscreen"],
            alt_text="The photo with the poses drawn on it", elem_id="picture", min_width=300,
        )  # fmt: skip
        pose = gr.Plot(label="Pose in 3D: drag to turn", elem_id="pose", min_width=300)
    frame = gr.Slider(0, 1, step=1, label="Frame", visible=False, elem_id="frame", buttons=[])
    person = gr.Radio([], label="Person", visible=False, elem_id="person")
    azimuth = gr.Slider(
        -180, 180, _START_AZIMUTH, step=5, label="Turn the pose, degrees", elem_id="azimuth", buttons=[]
    )
    downloads = gr.File(label="Downloads", interactive=False, file_count="multiple", elem_id="downloads")
    with gr.Accordion("Joints and their confidence", open=True):
        table = gr.HTML(elem_id="table")
    return {
        "picture": picture, "pose": pose, "frame": frame, "azimuth": azimuth, "person": person, "table": table,
        "downloads": downloads,
    }  # fmt: skip


def _result_state() -> gr.State:
    def remove(found: Estimated | None) -> None:
        if found is not None:
            found.remove()

    return gr.State(None, time_to_live=_KEPT_SECONDS, delete_callback=remove)


def _connect(c: _Controls, answers: Answers) -> None:
    run = _Run(c, answers)
    shown = [c.picture, c.pose, c.table]
    view = [c.found, c.frame, c.person, c.azimuth]
    c.upload.upload(run.of_file, [c.upload, c.smooth, c.found], run.outputs, concurrency_id="network", **_PRIVATE)
    c.camera.input(run.of_file, [c.camera, c.smooth, c.found], run.outputs, concurrency_id="network", **_PRIVATE)
    c.examples.click(run.of_example, [c.examples, c.smooth, c.found], run.outputs, concurrency_id="network", **_PRIVATE)
    c.again.click(run.again, [c.file, c.boxes, c.smooth, c.found], run.outputs, concurrency_id="network", **_PRIVATE)
    # Of quick changes the last one counts.
    quick: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", "queue": False, **_PRIVATE}
    for control in (c.frame, c.azimuth, c.person):
        control.input(_show, view, [*shown, c.frame], **quick)
    c.picture.select(_clicked, [c.found, c.corner, c.boxes], [c.corner, c.boxes, c.status], queue=False, **_PRIVATE)


@dataclass(frozen=True, eq=False)
class _Run:
    """Estimating, for all the controls that ask for it; each answer fills `outputs`."""

    controls: _Controls
    answers: Answers

    @property
    def outputs(self) -> list[Any]:
        c = self.controls
        return [
            c.status, c.results, c.picture, c.pose, c.frame, c.person, c.table, c.downloads, c.file, c.found, c.boxes,
            c.corner,
        ]  # fmt: skip

    def of_file(
        self, file: str | None, smooth: bool, before: Estimated | None, progress: gr.Progress = gr.Progress()
    ) -> dict[Any, Any]:
        return self._estimate(file, "", smooth, before, progress)

    def of_example(
        self, index: int, smooth: bool, before: Estimated | None, progress: gr.Progress = gr.Progress()
    ) -> dict[Any, Any]:
        example: Example = EXAMPLES[index]
        return self._estimate(str(example.path), example.boxes_text, smooth, before, progress)

    def again(
        self,
        file: str | None,
        boxes: str,
        smooth: bool,
        before: Estimated | None,
        progress: gr.Progress = gr.Progress(),
    ) -> dict[Any, Any]:
        return self._estimate(file, boxes, smooth, before, progress)

    def _estimate(
        self, file: str | None, boxes: str, smooth: bool, before: Estimated | None, progress: gr.Progress
    ) -> dict[Any, Any]:
        c = self.controls
        kept = {c.file: file, c.boxes: boxes, c.corner: None}
        if file is None:
            return {c.status: message("There is no photo or video yet; choose one.", kind="error")}
        try:
            found = self.answers.estimate(Path(file), boxes, smooth=smooth, progress=_progress(progress))
        except (PoseError, OSError, MemoryError) as error:
            line = told(error)
            if line is None:
                raise
            # The picture of a box that was mistyped stays, so that it can be corrected.
            again = before is not None and before.name == Path(file).name
            return kept | {c.status: line, c.results: gr.Column(visible=again)}
        if before is not None:
            before.remove()
        return kept | {c.found: found, c.status: self.answers.said_of(found, boxes)} | self._first_view(found)

    def _first_view(self, found: Estimated) -> dict[Any, Any]:
        c, people, frames = self.controls, found.people, len(found.frames)
        person = people[0] if people else None
        first = 0 if person is None else found.first_frame_of(person)
        view = view_of(found, first, person, _START_AZIMUTH)
        return {
            c.results: gr.Column(visible=True),
            c.picture: str(view.picture),
            c.pose: _plot(view.figure),
            c.table: view.table,
            c.frame: gr.Slider(
                0, max(1, frames - 1), first, label=frame_title(found, first), visible=frames > 1, step=1
            ),
            c.person: gr.Radio([(f"Person {each}", each) for each in people], value=person, visible=len(people) > 1),
            c.downloads: [str(path) for path in found.downloads] or None,
        }


def _show(found: Estimated | None, frame: float, person: int | None, azimuth: float) -> tuple[Any, ...]:
    if found is None:
        return (gr.skip(),) * 4
    # A slider is fast to move past its ends by hand.
    index = min(max(round(frame), 0), len(found.frames) - 1)
    view = view_of(found, index, person, azimuth)
    return str(view.picture), _plot(view.figure), view.table, gr.Slider(label=frame_title(found, index))


def _plot(figure: dict[str, Any] | None) -> PlotData | None:
    return None if figure is None else PlotData(type="plotly", plot=json.dumps(figure, allow_nan=False))


def _clicked(
    found: Estimated | None, corner: tuple[int, int] | None, boxes: str, event: gr.SelectData
) -> tuple[Any, ...]:
    """The first click on the picture is a corner of a box, the second the opposite one."""
    if found is None:
        return gr.skip(), gr.skip(), gr.skip()
    x, y = event.index
    if corner is None:
        return (x, y), gr.skip(), message("Now click the opposite corner of the person's box.")
    try:
        line = box_between(corner, (x, y), found.shrink)
    except DataError as error:
        return None, gr.skip(), message(str(error), kind="error")
    added = "\n".join([*boxes.strip().splitlines(), line])
    return None, added, message(f"Box {line}: “Estimate again” takes it; more clicks add more boxes.")


def _progress(show: gr.Progress) -> Callable[[int, int | None], None]:
    def told(done: int, total: int | None) -> None:
        show((done, total), desc="frames", unit="frames")

    return told
