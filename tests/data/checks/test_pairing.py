from dataclasses import replace

import numpy as np
import pytest

from fake_people import fake_jpeg, standing_people
from planted import SIZE_PX, labels_2d, simple_samples
from prepose.body.skeletons import LSP_14, PREPOSE_27
from prepose.data.checks.pairing import (
    FAULT_P,
    MOVES,
    _differ,
    _links_by_chance,
    check_pairing,
    separation,
)
from prepose.data.checks.records import look_at, read_records
from prepose.data.dataset import dataset_of


def records_of(samples):
    dataset = dataset_of(samples, skeleton=samples[0].skeleton)
    return read_records(dataset, pictures=look_at(dataset, range(len(samples))))


def test_a_body_stands_out_where_it_is():
    records = records_of(list(simple_samples(20)))
    own, elsewhere = [], []
    for index in range(20):
        thumb = records.pictures[index].thumb
        own.append(separation(records.joints_img[index], PREPOSE_27, thumb))
        elsewhere.append(separation(records.joints_img[(index + 7) % 20], PREPOSE_27, thumb))
    assert np.mean(own) > np.nanmean(elsewhere) + 0.2
    assert np.isnan(separation(records.joints_img[0] + 1000, PREPOSE_27, thumb))
    assert np.isnan(separation(np.full((27, 2), np.nan), PREPOSE_27, thumb))


def test_an_even_picture_shows_no_body():
    grey = np.full((SIZE_PX, SIZE_PX, 3), 90, np.uint8)
    assert separation(simple_samples(1)[0].joints_img, PREPOSE_27, grey) == pytest.approx(0)


def test_people_who_all_stand_alike_cannot_be_judged():
    generator = np.random.default_rng(0)
    people = standing_people(LSP_14, 1, generator) + generator.normal(0, 1.5, (40, 14, 2))
    blank = labels_2d(list(simple_samples(1)))[0]
    pictures = [fake_jpeg(person, LSP_14) for person in people]
    samples = [
        replace(
            blank,
            skeleton=LSP_14,
            image=pictures[(number + 1) % 40],
            joints_img=person,
            joints_cam=np.full((14, 3), np.nan),
            states=np.zeros(14, np.uint8),
            box_xywh=np.array([10.0, 4, 80, 92]),
        )
        for number, person in enumerate(people)
    ]
    assert check_pairing(records_of(samples)) == []


def test_what_moves_a_label_within_the_picture_undoes_itself():
    joints, size = np.random.default_rng(0).random((9, 2)) * 50, np.array([64.0, 48.0])
    for move in MOVES.values():
        np.testing.assert_allclose(move(move(joints, size), size), joints)


def test_most_hidden_people_are_not_judged():
    samples = [replace(sample, states=np.full(27, 3, np.uint8)) for sample in simple_samples(40)]
    shifted = [
        replace(sample, image=other.image) for sample, other in zip(samples, samples[1:] + samples[:1], strict=True)
    ]
    assert check_pairing(records_of(shifted)) == []


def test_frames_are_compared_with_the_numbers_of_their_files():
    samples = [replace(sample, source=f"S1/walk/img_{sample.frame + 1:06d}.jpg") for sample in simple_samples(30)]
    assert check_pairing(records_of(samples)) == []
    for row in (12, 13):
        samples[row] = replace(samples[row], frame=samples[row].frame + 1)
    (finding,) = check_pairing(records_of(samples))
    assert finding.samples == (12, 13)
    assert "counted wrongly" in finding.cause


def exchanged(samples, places):
    """Each of these samples has the picture of the next one, the last that of the first."""
    mixed = list(samples)
    for place, following in zip(places, [*places[1:], places[0]], strict=True):
        mixed[place] = replace(samples[place], image=samples[following].image)
    return mixed


@pytest.mark.parametrize("seed", range(2))
def test_exchanged_pictures_are_a_fault_and_a_few_strangers_are_not(seed):
    samples = list(simple_samples(80))
    places = np.random.default_rng(seed).choice(80, 10, replace=False).tolist()
    (finding,) = check_pairing(records_of(exchanged(samples, places)))
    assert finding.severity == "fault"
    assert len(set(finding.samples) - set(places)) <= 1
    # Pictures of nobody in the split: better labels are found for them, by chance, but nowhere their own.
    strangers = list(simple_samples(160))[80:]
    odd = [replace(s, image=strangers[i].image) if i in places[:2] else s for i, s in enumerate(samples)]
    assert [finding.severity for finding in check_pairing(records_of(odd))] in ([], ["note"])


def test_better_labels_that_are_drawn_at_random_bear_nothing_out():
    generator, suspects = np.random.default_rng(0), np.arange(80) * 5
    chances = []
    for _ in range(200):
        hits = generator.choice(suspects, 20, replace=False).tolist()
        others = [int(generator.choice(suspects[suspects != hit])) for hit in hits]
        links = {hit: other - hit for hit, other in zip(hits, others, strict=True)}
        chances.append(_links_by_chance(links, 96, 400))
    # As 4 to 6 % of real photos have them: sound, whatever leads to whatever.
    assert np.mean(np.array(chances) < FAULT_P) <= 0.02
    ring = dict.fromkeys(range(0, 400, 5), 5)
    assert _links_by_chance(ring, 96, 400) < 1e-6
    assert _links_by_chance({**links, **{200 + step: 1 for step in range(8)}}, 96, 400) < FAULT_P
    assert _links_by_chance({}, 96, 400) == 1


def test_two_people_in_one_picture_are_no_evidence():
    samples = list(simple_samples(20))
    samples[1] = replace(samples[1], image=samples[0].image)
    records = records_of(samples)
    assert not _differ(records, 0, 1)
    assert _differ(records, 2, 1)


def test_labels_of_another_person_of_a_video_are_no_evidence():
    # Frames 0 to 3 of one video, two people in each, who hardly move; then someone elsewhere.
    samples = list(simple_samples(20))
    for frame in range(4):
        for person in (0, 1):
            pose = samples[person]
            samples[2 * frame + person] = replace(
                pose, image=samples[8 + frame].image, joints_img=pose.joints_img + 0.2 * frame
            )
    records = records_of(samples)
    assert not any(_differ(records, one, other) for one in range(8) for other in range(8))
    assert all(_differ(records, one, 15) for one in range(8))
