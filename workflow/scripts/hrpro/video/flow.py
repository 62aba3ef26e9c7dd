"""Optical flow by TV-L1 (Zach, Pock and Bischof, 2007), for the second stream of I3D.

Constants are those of the public reference (Sanchez, Meinhardt-Llopis and Facciolo, IPOL 2013), which
OpenCV has too. What differs: a fixed number of iterations in place of a test of convergence, so that a
pair's flow does not depend on the others in its batch; scales by halves; no median filter.
"""

import torch
import torch.nn.functional as F

STEP, DATA, TIGHTNESS = 0.25, 0.15, 0.3  # tau, lambda, theta
SCALES, WARPS, ITERATIONS = 5, 5, 30
SMALLEST = 16  # pixels of the coarsest scale's shorter side
BOUND = 20.0  # pixels that I3D was trained with


def scaled(frames: torch.Tensor) -> torch.Tensor:
    """(N, 3, T + 1, H, W) uint8 -> the flow from each frame to the next, (N, 2, T, H, W), in [-1, 1].

    Channels are x and y; 1 stands for 20 pixels and more, as I3D was trained.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device)
    grey = torch.einsum("ncthw,c->nthw", frames.float(), weights)
    count, length, height, width = grey.shape
    first, second = (part.reshape(-1, 1, height, width) for part in (grey[:, :-1], grey[:, 1:]))
    flow = tv_l1(first, second).clamp(-BOUND, BOUND) / BOUND
    return flow.reshape(count, length - 1, 2, height, width).transpose(1, 2)


def tv_l1(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Two batches of grey pictures (N, 1, H, W) of values up to 255 -> flow (N, 2, H, W) in pixels, x and y.

    What stands at a place of `first` stands at the place plus the flow in `second`.
    """
    pyramid = [(smoothed(first), smoothed(second))]
    while len(pyramid) < SCALES and min(pyramid[-1][0].shape[2:]) >= 2 * SMALLEST:
        pyramid.append(tuple(F.avg_pool2d(picture, 2) for picture in pyramid[-1]))
    flow = first.new_zeros(len(first), 2, *pyramid[-1][0].shape[2:])
    for pair in reversed(pyramid):
        before, size = flow.shape[2:], pair[0].shape[2:]
        if before != size:
            flow = F.interpolate(flow, size=size, mode="bilinear", align_corners=False) * 2
        flow = refined(*pair, flow)
    return flow


def refined(first: torch.Tensor, second: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """The flow of one scale, from that of the coarser one."""
    slopes = central_differences(second)
    dual = flow.new_zeros(len(flow), 2, 2, *flow.shape[2:])  # of each channel of the flow, along x and y
    reach = DATA * TIGHTNESS
    for _ in range(WARPS):
        moved = warped(torch.cat([second, slopes], dim=1), flow)
        slope = moved[:, 1:]
        flatness = 1 / (slope**2).sum(1, keepdim=True).clamp(min=1e-9)
        constant = moved[:, :1] - first - (slope * flow).sum(1, keepdim=True)
        for _ in range(ITERATIONS):
            residual = constant + (slope * flow).sum(1, keepdim=True)
            # against the slope as far as the residual asks for, but no farther than `reach`
            data = torch.addcmul(flow, slope, (residual * -flatness).clamp_(-reach, reach))
            flow = data + TIGHTNESS * divergence(dual)
            gradient = forward_differences(flow).mul_(STEP / TIGHTNESS)
            length = torch.hypot(gradient[:, :, 0], gradient[:, :, 1])
            dual = (dual + gradient).div_(1 + length[:, :, None])
    return flow


def smoothed(pictures: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) under a Gaussian of 0.8 pixels."""
    places = torch.arange(-2, 3, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-(places**2) / (2 * 0.8**2))
    kernel = kernel / kernel.sum()
    for shape, sides in ((kernel[:, None], (0, 0, 2, 2)), (kernel[None], (2, 2, 0, 0))):
        pictures = F.conv2d(F.pad(pictures, sides, mode="replicate"), shape[None, None])
    return pictures


def central_differences(pictures: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) -> (N, 2, H, W): slopes along x and y."""
    wide = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
    along_x = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
    along_y = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
    return torch.cat([along_x, along_y], dim=1)


def forward_differences(values: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, 2, H, W): to the next value along x and y, 0 at the borders."""
    along_x = F.pad(values.diff(dim=3), (0, 1))
    along_y = F.pad(values.diff(dim=2), (0, 0, 0, 1))
    return torch.stack([along_x, along_y], dim=2)


def divergence(dual: torch.Tensor) -> torch.Tensor:
    """(N, C, 2, H, W) -> (N, C, H, W): minus the adjoint of `forward_differences`."""
    along_x, along_y = dual[:, :, 0, :, :-1], dual[:, :, 1, :-1]
    return (
        F.pad(along_x, (0, 1))
        - F.pad(along_x, (1, 0))
        + F.pad(along_y, (0, 0, 0, 1))
        - F.pad(along_y, (0, 0, 1, 0))
    )


def warped(pictures: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) as seen through a flow (N, 2, H, W): each place shows what lies `flow` pixels from it."""
    height, width = pictures.shape[2:]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype)
    places = torch.stack(
        [(2 * (x + flow[:, 0]) + 1) / width - 1, (2 * (y + flow[:, 1]) + 1) / height - 1], dim=3
    )
    return F.grid_sample(pictures, places, padding_mode="border", align_corners=False)
