"""One small job for each family of networks, and the same with everything on that draws numbers or has a state."""

#: The source and the sections of a job, by the name of a family; everything is on that draws random numbers.
FAMILIES = {
    "mlp": ("flowers", {"network": {"type": "mlp", "hidden": [16, 16], "norm": "batch", "dropout": 0.2, "skip": True}}),
    "cnn": (
        "stripes",
        {"network": {"type": "cnn", "channels": [4, 8], "hidden": [16], "norm": "batch", "dropout": 0.3}},
    ),
    "rnn": (
        "waves",
        {
            "network": {"type": "rnn", "hidden_size": 8, "dropout": 0.2},
            "preprocessing": {"series": {"window": 12, "horizon": 2, "target_scale": "standard"}},
        },
    ),
    "lstm": (
        "waves",
        {
            "network": {"type": "lstm", "hidden_size": 8, "num_layers": 2, "dropout": 0.2, "bidirectional": True},
            "preprocessing": {"series": {"window": 12, "horizon": 2, "target_scale": "standard"}},
        },
    ),
    "bag": (
        "letters",
        {
            "network": {"type": "mlp", "hidden": [8], "norm": "batch", "dropout": 0.2, "embedding_dim": 8},
            "augmentation": [{"type": "token_dropout", "p": 0.2}],
        },
    ),
    "gru": (
        "letters",
        {
            "network": {"type": "gru", "hidden_size": 8, "num_layers": 2, "dropout": 0.2, "bidirectional": True},
            "preprocessing": {"text": {"tokenizer": "char"}},
            "augmentation": [{"type": "token_dropout"}],
        },
    ),
    "resnet": (
        "stripes",
        {
            "network": {"type": "resnet", "widths": [4, 8], "depths": [1, 1]},
            "augmentation": [{"type": "random_crop", "padding": 1}, "rotate", "color", "cutmix"],
            "regularization": {"stochastic_depth": 0.3},
        },
    ),
    "tabm": (
        "flowers",
        {"network": {"type": "tabm", "heads": 4, "hidden": [16], "dropout": 0.2, "bins": 8}, "augmentation": ["mixup"]},
    ),
    "tcn": (
        "waves",
        {
            "network": {"type": "tcn", "channels": [4, 8], "dropout": 0.2},
            "preprocessing": {"series": {"window": 12, "horizon": 2, "target_scale": "standard"}},
            "augmentation": ["jitter", "scaling", "window_warping"],
        },
    ),
    "transformer": (
        "waves",
        {
            "network": {"type": "transformer", "width": 8, "num_heads": 2, "num_layers": 1, "dropout": 0.2},
            "preprocessing": {"series": {"window": 12, "horizon": 2, "target_scale": "standard"}},
            "regularization": {"stochastic_depth": 0.2},
        },
    ),
    "layers": (
        "stripes",
        {
            "network": {
                "type": "layers",
                "layers": [
                    {"type": "conv", "channels": 4},
                    "norm",
                    "activation",
                    {"type": "residual", "layers": [{"type": "conv", "channels": 6}, {"type": "dropout", "p": 0.2}]},
                    "pool",
                    "flatten",
                ],
            },
            "augmentation": ["random_policy", "random_erasing"],
        },
    ),
}

_AUGMENTATION = {
    "flowers": [{"type": "mixup", "alpha": 0.4}],
    "stripes": [{"type": "random_crop", "padding": 1}, {"type": "rotate"}, {"type": "cutmix"}],
    "waves": [{"type": "jitter"}, {"type": "scaling"}, {"type": "window_warping"}],
}
_WITH_SKIPS = {"mlp", "layers", "resnet", "tcn", "transformer"}


def everything(family: str) -> tuple[str, dict]:
    """The job of a family with augmentation, an average of the weights and a schedule that goes by what is measured."""
    source, sections = FAMILIES[family]
    regularization = {"ema": {"half_life": "10%"}, "l2": 1e-4}
    if family in _WITH_SKIPS:
        regularization["stochastic_depth"] = 0.2
    network = {**sections["network"], **({"dropout": 0.2} if family == "resnet" else {})}
    plateau = {"type": "plateau", "patience": 0, "min_delta": 0.05, "factor": 0.7, "warmup": "2 steps"}
    added = {"network": network, "regularization": regularization, "schedule": plateau}
    return source, {"augmentation": _AUGMENTATION.get(source), **sections, **added}
