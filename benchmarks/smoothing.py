"""What the One Euro filter of `prepose predict --smooth` does to people in motion: jitter, lag and error.

    python benchmarks/smoothing.py clip.bvh ... [--noise 20]

The clips move the synthetic rig at 30 frames/s; each joint gets independent Gaussian noise, mm. Jitter: standard
deviation of the error's change from frame to frame. Lag: the delay at which the smoothed noise-free motion fits the
motion best. Error: mean distance from the motion, with the noise.
"""

import argparse
from pathlib import Path

import numpy as np

from prepose.body.skeletons import PREPOSE_27
from prepose.predict.smoothing import OneEuro
from prepose.synthetic.bvh import poses_from_bvh
from prepose.synthetic.rig import mean_proportions, pose_joints

RATE = 30
ROOT = PREPOSE_27.root_index


def smoothed(joints, **settings):
    root, pose = OneEuro(**settings), OneEuro(**settings)
    found = []
    for index, now in enumerate(joints):
        middle = root(now[ROOT], index / RATE)
        found.append(middle + pose(now - now[ROOT], index / RATE))
    return np.array(found)


def lag(joints, filtered):
    """In frames, to a tenth."""
    times = np.arange(len(joints))
    inside = slice(10, -1)

    def miss(delay):
        delayed = np.array([
            np.interp(times - delay, times, column) for column in joints.reshape(len(joints), -1).T
        ]).T  # fmt: skip
        return ((delayed - filtered.reshape(len(joints), -1))[inside] ** 2).mean()

    delays = np.arange(0, 10, 0.1)
    return delays[int(np.argmin([miss(delay) for delay in delays]))]


def figures(joints, filtered, clean):
    error = filtered - joints
    jitter = np.diff(error, axis=0)[10:].std()
    return jitter, 1000 * lag(joints, clean) / RATE, np.linalg.norm(error[10:], axis=-1).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--noise", type=float, default=20.0)
    asked = parser.parse_args()
    generator = np.random.default_rng(0)
    print("clip | frames | jitter, lag, error without | with | with beta 0")
    for path in asked.clips:
        person = mean_proportions()
        clip = poses_from_bvh(path)
        step = max(1, round(1 / RATE / clip.frame_time))
        joints = np.array([pose_joints(person, pose)[0] for pose in clip.poses[: 300 * step : step]])
        # The rig walks on the spot; it went along `path`.
        joints[..., :2] += clip.path[: 300 * step : step, None]
        noisy = joints + generator.normal(0, asked.noise, joints.shape)
        parts = []
        for filtered in (lambda x: x, smoothed, lambda x: smoothed(x, beta=0.0)):
            jitter, delay, error = figures(joints, filtered(noisy), filtered(joints))
            parts.append(f"{jitter:.1f} mm, {delay:.0f} ms, {error:.1f} mm")
        print(f"{path.stem} | {len(joints)} | {' | '.join(parts)}")


if __name__ == "__main__":
    main()
