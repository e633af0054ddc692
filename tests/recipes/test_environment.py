import json
import platform

import torch

from prepose.recipes.environment import environment


def test_it_says_what_one_needs_to_run_again() -> None:
    facts = json.loads(json.dumps(environment()))
    assert facts["python"] == platform.python_version()
    assert facts["torch"] == torch.__version__ == facts["packages"]["torch"]
    assert facts["threads"] == torch.get_num_threads()
    assert facts["command"] and facts["date"].endswith("+00:00")
    assert len(facts["packages"]) > 10
