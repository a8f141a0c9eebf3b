"""What the fused kernels understand: plain tensors, plain layers, and no one who is watching.

The kernels read tensors by their addresses. Whatever records, transforms or replaces PyTorch's own
operations sees nothing of that, and would go wrong without a word: it gets plain PyTorch instead.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules import module as all_modules
from torch.utils._python_dispatch import _get_current_dispatch_mode

_HOOKS = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
_PLAIN_TYPES = (Tensor, nn.Parameter)


def is_plain(tensor: Tensor, dtype: torch.dtype) -> bool:
    """Whether a tensor is numbers of a type in this machine's memory, and nothing else.

    Not so are subclasses (quantised, distributed, fake ones), sparse tensors, views that negate
    what they show, and tensors without any numbers.
    """
    return (
        type(tensor) in _PLAIN_TYPES
        and tensor.dtype == dtype
        and tensor.is_cpu
        and tensor.layout == torch.strided
        and not tensor.is_neg()
        and tensor.numel() > 0
    )


def is_untouched(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a layer does what its class does: not replaced, parametrized, wrapped or hooked."""
    return (
        type(module) is kind
        and "forward" not in vars(module)
        and not any(getattr(module, f"_{name}", None) for name in _HOOKS)
        and not any(getattr(all_modules, f"_global_{name}", None) for name in _HOOKS)
    )


def is_watched() -> bool:
    """Whether operations are being traced, transformed, counted or given forward derivatives."""
    return (
        torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        or torch._C._are_functorch_transforms_active()  # vmap, grad, jvp, … of torch.func
        or forward_ad._current_level >= 0
        or _get_current_dispatch_mode() is not None  # fake tensors, counters of operations, …
    )


def first_derivative_only(backward: Callable[..., Any]) -> Callable[..., Any]:
    """The backward step of a kernel that has no second derivative; asked for one, it refuses.

    PyTorch's own `once_differentiable` refuses only where the result is an argument of the first
    derivative's graph; elsewhere (`torch.autograd.functional.jvp`) it makes the derivative 0.
    """

    def checked(ctx: Any, *gradients: Any) -> Any:
        if torch.is_grad_enabled():  # create_graph=True
            raise RuntimeError(
                "the fused kernels have no second derivatives; compute the model under"
                " hrm.models.kernels.use(False) and"
                " torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)"
            )
        return backward(ctx, *gradients)

    return checked
