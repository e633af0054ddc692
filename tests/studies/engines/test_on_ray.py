"""The engine on a Ray cluster: several machines played by this one, one of which is lost in the middle of a study."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from fake_jobs import die, missing, pid, wait_for_file
from fake_studies import at_once, small_study
from prepose.errors import DataError, RecipeError
from prepose.recipes.checkpoint import checkpoints
from prepose.studies.engines.local import Failure, Job, Resources
from prepose.studies.engines.on_ray import run_jobs_on_ray
from prepose.studies.run.conduct import run_study
from prepose.studies.run.planning import RunSettings


@pytest.fixture(scope="module")
def cluster():
    """Two machines with one core each, and this process connected to them."""
    ray = pytest.importorskip("ray", reason="Ray is not installed (the extra `cluster`)")
    from ray.cluster_utils import Cluster

    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        machines.add_node(num_cpus=1)
        ray.init(address=machines.address, log_to_driver=False)
        yield machines
        ray.shutdown()
        machines.shutdown()


# Ray leaves files and sockets to the end of the process, which tests here would take for faults of their own.
ONE_CORE = Resources(at_once=10, threads=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_whatever_ends_a_job_the_others_go_on(cluster, tmp_path):
    jobs = [
        Job("first", pid, ()),
        Job("lost", missing, ("/nowhere",)),
        Job("killed", die, (int(signal.SIGKILL),)),
        Job("last", pid, ()),
    ]
    done, ticks = {}, []
    resources = Resources(10, 1, shared=(tmp_path,))
    outcomes = run_jobs_on_ray(jobs, resources=resources, tick=ticks.append, on_done=done.__setitem__)
    assert list(outcomes) == ["first", "lost", "killed", "last"] and done == outcomes
    assert outcomes["lost"].failure == Failure("DataError", "/nowhere: is missing")
    assert outcomes["killed"].failure is not None and outcomes["killed"].failure.kind == "Killed"
    assert {type(outcomes[name].value) for name in ("first", "last")} == {int}
    assert not list(tmp_path.iterdir()), "what machines looked for is gone"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_training_saves_before_the_engine_stops(cluster, tmp_path):
    began = tmp_path / "began"

    def interrupt():
        while not began.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_jobs_on_ray([Job("long", wait_for_file, (str(tmp_path),))], resources=ONE_CORE)
    thread.join()
    assert (tmp_path / "saved").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_study_survives_the_loss_of_a_machine(cluster, tmp_path):
    """Its trials go on elsewhere from their checkpoints, and give what an undisturbed study gives."""
    stores = tmp_path / "stores"
    settings = RunSettings(threads=1, accelerator="cpu", stores=stores, checkpoint_seconds=0.0, cluster=True)
    doomed, out, lost = cluster.add_node(num_cpus=2), tmp_path / "out", []

    def engine(jobs, *, resources, tick, on_done):
        def lose_one(running):
            tick(running)
            steps = [path for run in out.glob("trials/*") for path in checkpoints(run / "checkpoints")]
            if not lost and len({path.parent for path in steps}) >= 3:
                lost.append(len(steps))
                cluster.remove_node(doomed, allow_graceful=False)

        return run_jobs_on_ray(jobs, resources=resources, tick=lose_one, on_done=on_done)

    end = run_study(small_study(), out, settings=settings, engine=engine)
    assert lost and (end.done, end.failures) == (4, {})
    calm = tmp_path / "calm"
    run_study(small_study(), calm, settings=settings, engine=at_once)
    for file in (*calm.glob("trials/*/evaluations/*"), *calm.glob("trials/*/weights/*")):
        assert (out / file.relative_to(calm)).read_bytes() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_no_machine_has_room_for_is_told(cluster):
    with pytest.raises(RecipeError, match=r"no machine has 64 CPUs and 0 GPUs for a trial; the cluster has 1 CPUs and"):
        run_jobs_on_ray([Job("x", pid, ())], resources=Resources(1, 64))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_folder_that_machines_do_not_see_is_told(cluster, tmp_path, monkeypatch):
    # What a machine with another file system would find.
    monkeypatch.setattr(Path, "touch", lambda path: None)
    with pytest.raises(
        DataError, match=r"machine .+ does not see .+; put --out, --stores and datasets on a file system"
    ):
        run_jobs_on_ray([Job("x", pid, ())], resources=Resources(1, 1, shared=(tmp_path,)))


def test_an_unreachable_cluster_is_told(monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed (the extra `cluster`)")
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(
            RecipeError, match=rf"nothing answers at {address} \(.+\); start one with `ray start --head`"
        ):
            run_jobs_on_ray([], resources=ONE_CORE)


def test_without_ray_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RecipeError, match=r"needs Ray; install it with `pip install 'prepose\[cluster\]'`"):
        run_jobs_on_ray([], resources=ONE_CORE)
