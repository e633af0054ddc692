"""What a training adds to the ledger of its weights, and the run's `ledger.json`."""

from collections.abc import Mapping

from prepose.data.dataset import PoseDataset
from prepose.files import inside, write_json
from prepose.models.pose_net import PoseNet
from prepose.recipes.run import Run
from prepose.specs.ledger import Ledger, TrainedOn
from prepose.specs.recipe import Recipe


def add_sources(net: PoseNet, recipe: Recipe, sources: Mapping[str, PoseDataset]) -> None:
    """Add the sources that a stage of the recipe draws from to the network's ledger, which saved weights carry."""
    drawn = {name for stage in recipe.stages for name, share in stage.shares.items() if share > 0}
    learnt = Ledger(
        datasets=tuple(
            TrainedOn(
                dataset=dataset.name,
                split=dataset.split,
                samples=len(dataset),
                # Pseudo-labels are the network's own.
                labels="2d" if recipe.sources[name].pseudo_labels else recipe.sources[name].labels,
                licence=dataset.licence,
            )
            for name, dataset in sources.items()
            if name in drawn
        )
    )
    net.ledger = learnt if net.ledger is None else learnt.merged(net.ledger)


def write_ledger(run: Run, net: PoseNet) -> None:
    """Write the network's ledger into the run's folder."""
    if net.ledger is not None:
        write_json(inside(run.folder, "ledger.json"), net.ledger.model_dump(mode="json"))
