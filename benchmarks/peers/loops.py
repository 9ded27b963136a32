"""One of the workloads, trained again and again by a loop of other people: `loops.py LOOP WORKLOAD`.

Each is as lean as its documentation allows: no logger, no progress bar, no checkpoint, no evaluation.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from _answering import answer
from _workloads import RATE, SERIES, WINDOW, WORKLOADS, Workload
from torch.utils.data import DataLoader, TensorDataset

Epochs = Callable[[int], None]


class Timed:
    """A loop that can be asked for a number of epochs."""

    def __init__(self, loop: Callable[[Workload], Epochs], workload: Workload) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self._num_rows = workload.num_rows
        self._train = loop(workload)

    def round(self, epochs: int) -> dict[str, float]:
        """Rows a second over some epochs."""
        began = time.perf_counter()
        self._train(epochs)
        return {"rows_per_second": epochs * self._num_rows / (time.perf_counter() - began)}


def textbook(workload: Workload) -> Epochs:
    """PyTorch as in a course."""
    loader = DataLoader(
        TensorDataset(*workload.tensors(*workload.arrays())), batch_size=workload.batch_size, shuffle=True
    )
    network, loss = workload.network(), workload.loss()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)

    def train(epochs: int) -> None:
        for _ in range(epochs):
            network.train()
            total = 0.0
            for inputs, targets in loader:
                optimizer.zero_grad()
                value = loss(network(inputs), targets)
                value.backward()
                optimizer.step()
                total += value.item() * len(inputs)

    return train


def lightning(workload: Workload) -> Epochs:
    """Lightning without logger, checkpoints, bar and summary."""
    import lightning as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.loss = workload.network(), workload.loss()

        def training_step(self, batch: Any, _number: int) -> torch.Tensor:
            inputs, targets = batch
            value: torch.Tensor = self.loss(self.network(inputs), targets)
            return value

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=RATE)

    module = Module()
    rows = TensorDataset(*workload.tensors(*workload.arrays()))
    loader = DataLoader(rows, batch_size=workload.batch_size, shuffle=True)

    def train(epochs: int) -> None:
        trainer = pl.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader)

    return train


def skorch(workload: Workload) -> Epochs:
    """A skorch net without validation split and printed log."""
    from skorch import NeuralNet

    inputs, targets = workload.tensors(*workload.arrays())
    net = NeuralNet(
        workload.network(),
        criterion=type(workload.loss()),
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=workload.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    ).initialize()

    def train(epochs: int) -> None:
        net.partial_fit(inputs, targets, epochs=epochs)

    return train


def keras(workload: Workload) -> Epochs:
    """Keras over PyTorch: its own layers, `fit` without output."""
    import keras as k

    networks: Mapping[str, Callable[[], list[Any]]] = {
        "tab": lambda: [_dense(k, 64), _dense(k, 32), k.layers.Dense(2)],
        "mlp": lambda: [_dense(k, 256), _dense(k, 128), k.layers.Dense(10)],
        "cnn": lambda: [
            k.layers.Conv2D(32, 3, padding="same", activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Conv2D(64, 3, padding="same", activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            _dense(k, 128),
            k.layers.Dense(10),
        ],
        "lstm": lambda: [k.layers.LSTM(128), k.layers.Dense(1)],
    }
    shapes = {"tab": (30,), "mlp": (784,), "cnn": (28, 28, 1), "lstm": (WINDOW, SERIES)}
    inputs, targets = (tensor.numpy() for tensor in workload.tensors(*workload.arrays()))
    inputs = inputs.reshape(len(inputs), *shapes[workload.name])
    network = k.Sequential([k.layers.Input(shapes[workload.name]), *networks[workload.name]()])
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True) if workload.is_classifier else "mse"
    network.compile(optimizer=k.optimizers.Adam(RATE), loss=loss)

    def train(epochs: int) -> None:
        network.fit(inputs, targets, batch_size=workload.batch_size, epochs=epochs, verbose=0)

    return train


def _dense(k: Any, width: int) -> Any:
    return k.layers.Dense(width, activation="relu")


def transformers(workload: Workload) -> Epochs:
    """The trainer of Hugging Face, with nothing reported and nothing saved."""
    import tempfile

    from transformers import Trainer, TrainingArguments

    class Answering(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.loss = workload.network(), workload.loss()

        def forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            outputs = self.network(inputs)
            return {"loss": self.loss(outputs, labels), "logits": outputs}

    def collated(rows: list[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, torch.Tensor]:
        return {"inputs": torch.stack([row[0] for row in rows]), "labels": torch.stack([row[1] for row in rows])}

    model = Answering()
    rows = TensorDataset(*workload.tensors(*workload.arrays()))
    folder = tempfile.mkdtemp(prefix="bench-")

    def train(epochs: int) -> None:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=workload.batch_size,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        Trainer(model, arguments, train_dataset=rows, data_collator=collated, optimizers=(optimizer, None)).train()

    return train


LOOPS = {loop.__name__: loop for loop in (textbook, lightning, skorch, keras, transformers)}

if __name__ == "__main__":
    timed = Timed(LOOPS[sys.argv[1]], WORKLOADS[sys.argv[2]])
    answer({"round": timed.round})
