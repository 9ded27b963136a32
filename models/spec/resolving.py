"""Every default and every `auto` made explicit, as far as the data decides it."""

from __future__ import annotations

from typing import Literal, get_args

from models.profile import Profile
from models.spec.augmenting import resolved_augmentation
from models.spec.base import Kind
from models.spec.columns import resolve_columns
from models.spec.data import AutoSplit, Data, FixedSplit, OfficialSplit, RandomSplit, Split, StratifiedSplit, TimeSplit
from models.spec.evaluation import ClassificationMetric, Evaluation, RegressionMetric
from models.spec.job import JobSpec
from models.spec.loss import AutoLoss, Classes, CrossEntropy, Loss, Mse
from models.spec.mistakes import misfit
from models.spec.network import Recurrent
from models.spec.network.resolving import Surroundings, has_skips, resolved_network
from models.spec.preparation import check_preparation
from models.spec.preprocessing import Image, Text
from models.spec.stepping import check_step, resolved_batch_size, resolved_regularization

Task = Literal["classification", "regression", "forecasting"]

METRICS: dict[bool, tuple[str, ...]] = {True: get_args(ClassificationMetric), False: get_args(RegressionMetric)}
#: A curve for each of so many classes would take longer than the epoch it follows.
MANY_CLASSES = 100
METRICS_OF_MANY_CLASSES = ("accuracy", "f1_macro", "top5")
MOST_WORDS_OF_A_NAME, MOST_LETTERS_OF_A_NAME = 2, 64
NUM_BYTES = 256


def resolve(spec: JobSpec, profile: Profile) -> JobSpec:
    """The spec with nothing left open but what only a worker knows: the device and, with it, the precision.

    Raises InvalidSpec where the spec does not fit the data.
    """
    task = _task(spec, profile)
    split = _split(spec.data.split, profile, task=task)
    divided = spec.data.model_copy(update={"split": split})
    data, num_classes = resolve_columns(divided, profile, task=task)
    if num_classes == 1:
        raise misfit("#/data/target", "has one class only; there is nothing to learn")
    kind = _kind(profile, data, task=task)
    num_train = _num_train(data.split, profile)
    text = _text(spec, profile, data) if kind in ("text", "mixed") else spec.preprocessing.text
    image = _image(spec, profile) if kind == "image" else spec.preprocessing.image
    evaluation = _evaluation(spec.evaluation, task=task, num_classes=num_classes)
    batch_size = resolved_batch_size(spec, num_train=num_train)
    shape = None if kind != "image" or "auto" in (image.size, image.channels) else (image.channels, *image.size)
    window, spelled_out = spec.preprocessing.series.window, _is_spelled_out(text, profile)
    around = Surroundings(
        kind, batch_size, shape, window, spelled_out, num_train=num_train, num_columns=len(data.features)
    )
    network = resolved_network(spec.network, around)
    resolved = spec.model_copy(
        update={
            "task": task,
            "data": data,
            "preprocessing": spec.preprocessing.model_copy(update={"image": image, "text": text}),
            "network": network,
            "augmentation": resolved_augmentation(spec.augmentation, kind=kind, image=image),
            "loss": _loss(spec.loss, task=task),
            "regularization": resolved_regularization(spec),
            "training": spec.training.model_copy(update={"batch_size": batch_size}),
            "evaluation": evaluation,
        }
    )
    check_preparation(resolved, kind=kind)
    _check_monitor(resolved)
    check_step(resolved)
    if resolved.regularization.stochastic_depth and not has_skips(network):
        raise misfit("#/regularization/stochastic_depth", f"needs a network with skips; {network.type} has none")
    return resolved


def _task(spec: JobSpec, profile: Profile) -> Task:
    if profile.kind != "table":
        if spec.task not in ("auto", "classification"):
            raise misfit("#/task", f"must be classification for {profile.kind}")
        return "classification"
    if spec.task != "auto":
        return spec.task
    reads_text = any(feature.type == "text" for feature in spec.data.features.values())
    if isinstance(spec.network, Recurrent) and not reads_text and _task_of_target(spec, profile) == "regression":
        return "forecasting"
    if spec.data.target in (None, profile.target) and profile.task is not None:
        return profile.task
    return _task_of_target(spec, profile)


def _task_of_target(spec: JobSpec, profile: Profile) -> Task:
    """Words and yes/no are classes; so are whole numbers of which there are few. Every other number is a number."""
    column = profile.column(spec.data.target or profile.target or "")
    if column is None or column.type != "number":
        return "classification"
    few = column.unique <= 2 or (column.unique <= 20 and column.unique * 20 <= profile.rows)
    return "classification" if column.integer and few else "regression"


def _split(split: Split, profile: Profile, *, task: Task) -> Split:
    if isinstance(split, OfficialSplit) and not profile.split:
        raise misfit("#/data/split/type", "cannot be official: this data brings no split of its own")
    if isinstance(split, StratifiedSplit) and task != "classification":
        raise misfit("#/data/split/type", f"cannot be stratified: {task} has no classes")
    if task == "forecasting" and not isinstance(split, AutoSplit | TimeSplit):
        raise misfit("#/data/split/type", "must be time for forecasting, or windows would leak the future")
    if not isinstance(split, AutoSplit):
        return split
    if profile.split and "test" in profile.split:
        return OfficialSplit(validation=split.validation)
    train, validation, test = split.train, split.validation, split.test
    if task == "forecasting":
        return TimeSplit(column=_only_time_column(profile), train=train, validation=validation, test=test)
    kind = StratifiedSplit if task == "classification" else RandomSplit
    return kind(train=train, validation=validation, test=test)


def _only_time_column(profile: Profile) -> str | None:
    times = [column.name for column in profile.columns if column.type == "datetime"]
    return times[0] if len(times) == 1 else None


def _num_train(split: Split, profile: Profile) -> int:
    """About how many rows train: exact enough to choose a batch size."""
    if isinstance(split, OfficialSplit | FixedSplit):
        train = (profile.split or {}).get("train", profile.rows)
        return train if "validation" in (profile.split or {}) else round(train * (1 - split.validation))
    return round(profile.rows * getattr(split, "train", 0.7))


def _kind(profile: Profile, data: Data, *, task: Task) -> Kind:
    """What a network has to read."""
    if profile.kind == "images":
        return "image"
    if task == "forecasting":
        return "series"
    types = {feature.type for feature in data.features.values()}
    if profile.kind == "texts" or types == {"text"}:
        return "text"
    return "mixed" if "text" in types else "table"


def _text(spec: JobSpec, profile: Profile, data: Data) -> Text:
    """Texts of one word or two, and languages without blanks, are read by the letter."""
    text = spec.preprocessing.text
    if text.tokenizer == "auto":
        names = [name for name, feature in data.features.items() if feature.type == "text"]
        columns = [column for column in profile.columns if column.name in names]
        if profile.text is not None:
            short = profile.text.words.median <= MOST_WORDS_OF_A_NAME
        else:
            short = any(column.type == "category" for column in columns)
        text = text.model_copy(update={"tokenizer": "char" if short else "word"})
    if text.tokenizer == "bpe" and text.max_tokens < NUM_BYTES:
        raise misfit("#/preprocessing/text/max_tokens", f"bpe needs at least {NUM_BYTES}: one per byte")
    return text


def _is_spelled_out(text: Text, profile: Profile) -> bool:
    """Whether texts are short and read by the letter, as names are."""
    length = 0 if profile.text is None else profile.text.characters.most
    return text.tokenizer == "char" and length <= MOST_LETTERS_OF_A_NAME


def _image(spec: JobSpec, profile: Profile) -> Image:
    image = spec.preprocessing.image
    shape = profile.image
    if shape is None:
        raise misfit("#/data/dataset", "holds no images")
    channels = (1 if shape.channels == 1 else 3) if image.channels == "auto" else image.channels
    if image.standardize == "imagenet" and channels != 3:
        raise misfit("#/preprocessing/image/standardize", "imagenet needs 3 channels")
    size = (shape.height, shape.width) if image.size == "auto" else image.size
    return image.model_copy(update={"size": size, "channels": channels})


def _loss(loss: Loss, *, task: Task) -> Loss:
    classes = task == "classification"
    if isinstance(loss, AutoLoss):
        return CrossEntropy() if classes else Mse()
    if isinstance(loss, Classes) != classes:
        raise misfit("#/loss/type", f"{loss.type} does not fit {task}")
    return loss


def _evaluation(evaluation: Evaluation, *, task: Task, num_classes: int | None) -> Evaluation:
    fitting = METRICS[task == "classification"]
    if evaluation.metrics == "auto":
        usual = METRICS_OF_MANY_CLASSES if (num_classes or 0) > MANY_CLASSES else fitting[:3]
        return evaluation.model_copy(update={"metrics": usual})
    for index, name in enumerate(evaluation.metrics):
        if name not in fitting:
            raise misfit(f"#/evaluation/metrics/{index}", f"{name} does not fit {task}; these do: {', '.join(fitting)}")
    return evaluation


def _check_monitor(spec: JobSpec) -> None:
    known = ("loss", *spec.evaluation.metrics)
    for section in ("early_stopping", "schedule"):
        monitor = getattr(getattr(spec, section), "monitor", None)
        if monitor is not None and monitor.removeprefix("validation/") not in known:
            names = ", ".join(f"validation/{name}" for name in known)
            raise misfit(f"#/{section}/monitor", f"is not measured in this job; these are: {names}")
