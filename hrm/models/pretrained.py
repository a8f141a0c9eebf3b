"""Reading and writing a network as a model folder, here and on the Hugging Face hub."""

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from huggingface_hub import ModelHubMixin
from torch import Tensor

from hrm.config.networks import NetworkConfig
from hrm.models import hub
from hrm.tasks.grid import Grid


class Pretrained(ModelHubMixin):
    """For networks that are made from a config, a grid and what is said of their task."""

    Config: ClassVar[type[NetworkConfig]]
    config: NetworkConfig
    grid: Grid
    task: dict[str, Any]

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, **download: Any) -> Self:
        """A trained model, ready for inference.

        Args:
            name_or_folder: a bundled model's name, a model folder, a run folder (its best
                checkpoint), or a repository on the Hugging Face hub; looked for in that order.
            **download: passed to `huggingface_hub.snapshot_download` (revision, token, …).

        Raises:
            ValueError: if there is no such model, its files are damaged, or it is another network.
        """
        folder = hub.find_model(name_or_folder, **download)
        described = hub.read_config(folder)
        if not isinstance(described.config, cls.Config):
            raise ValueError(
                f"model {name_or_folder}: its network is {described.config.network}, not"
                f" {cls.__name__}; load it with hrm.from_pretrained"
            )
        # On this device no weights are drawn, which would move the random numbers of a training in
        # another thread, and no memory is taken: a config may promise more than the file has.
        with torch.device("meta"):
            model: Any = cls(*described)
        made = _weights(model)
        found = hub.read_weights(folder, {name: tuple(t.shape) for name, t in made.items()})
        found = {name: tensor.to(made[name].dtype) for name, tensor in found.items()}
        model.load_state_dict(found, assign=True)
        return model.eval()

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        model_card: str | None = None,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        config: object = None,
        model_card_kwargs: object = None,
        **upload: Any,
    ) -> str | None:
        """Write `config.json`, `model.safetensors` and a model card (`README.md`) to a folder.

        Args:
            save_directory: made if missing; each file is replaced atomically.
            model_card: Markdown; by default a short card with the architecture.
            push_to_hub: upload to the Hugging Face hub too.
            repo_id: there; by default the folder's name.
            config: not used; what `push_to_hub` of the hub's library passes on.
            model_card_kwargs: likewise.
            **upload: passed to `push_to_hub` (private, token, branch, …).

        Returns:
            The address of the upload, if there was one.

        Raises:
            OSError: if the folder cannot be written.
            TypeError: for arguments that do nothing.
        """
        if upload and not push_to_hub:
            names = ", ".join(upload)
            raise TypeError(f"save_pretrained: {names}: of use with push_to_hub=True only")
        folder, described = Path(save_directory), hub.Described(self.config, self.grid, self.task)
        hub.write_model(folder, described, _weights(self), model_card)
        return self.push_to_hub(repo_id or folder.name, **upload) if push_to_hub else None


def _weights(model: Any) -> dict[str, Tensor]:
    return model.state_dict()
