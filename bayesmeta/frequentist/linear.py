"""What does weighted least squares make of the study effects: coefficients, residuals, and traces of its projection.

    y_i = x_i' beta + e_i,  weights w_i,  A = (X' W X)^-1,  P = W - W X A X' W

P is never formed: every number is a sum over studies of p x p products, so that thousands of studies take no more
than their own length. All functions work along the last axes; leading axes may hold many meta-analyses at once. A
column of ones alone is X of the pooled mean, where nothing cancels however unequal the weights are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self, final

import numpy as np

from bayesmeta._arrays import FloatArray


@final
@dataclass(frozen=True, eq=False)
class Projection:
    """Weighted least squares for one design and given weights.

    Parameters
    ----------
    x : array, shape (k, p)
        Design matrix, of full column rank.
    w : array, shape (..., k)
        Weights, positive.
    """

    x: FloatArray
    w: FloatArray

    @classmethod
    def of_mean(cls, w: FloatArray) -> Self:
        """Return the projection of a weighted mean."""
        return cls(np.ones((w.shape[-1], 1)), w)

    @property
    def df(self) -> int:
        """Residual degrees of freedom, k - p."""
        return int(self.x.shape[0] - self.x.shape[1])

    @cached_property
    def is_mean(self) -> bool:
        """Whether the design is one column of a constant, as a mean has it."""
        return self.x.shape[1] == 1 and bool((self.x == self.x[0, 0]).all())

    @cached_property
    def inverse(self) -> FloatArray:
        """A, the covariance of the coefficients if the weights are inverse variances, shape (..., p, p)."""
        if self.x.shape[1] == 1:
            return np.asarray(1.0 / (self.w * self.x[:, 0] ** 2).sum(axis=-1))[..., None, None]
        scale = np.sqrt((self.w[..., :, None] * self.x**2).sum(axis=-2))  # columns of unequal units
        gram = self.moment(self.w) / (scale[..., :, None] * scale[..., None, :])
        return np.asarray(np.linalg.inv(gram) / (scale[..., :, None] * scale[..., None, :]))

    def moment(self, a: FloatArray) -> FloatArray:
        """Return X' diag(a) X, shape (..., p, p), for a of shape (..., k)."""
        return np.asarray(np.swapaxes(self.x[..., :, :] * a[..., :, None], -1, -2) @ self.x)

    def coefficients(self, y: FloatArray) -> FloatArray:
        """Return A X' W y, shape (..., p), for y of shape (..., k)."""
        if self.is_mean:
            share = self.w / self.w.sum(axis=-1, keepdims=True)  # 1 for one study, whose residual is 0
            return np.asarray((share * y).sum(axis=-1) / self.x[0, 0])[..., None]
        return np.asarray((self.inverse @ ((self.w * y) @ self.x)[..., None])[..., 0])

    def residuals(self, y: FloatArray) -> FloatArray:
        """Return y - X beta, shape (..., k)."""
        if self.is_mean:
            return np.asarray(y - self.coefficients(y) * self.x[0, 0])
        return np.asarray(y - (self.x @ self.coefficients(y)[..., None])[..., 0])

    def quadratic(self, y: FloatArray) -> FloatArray:
        """Return y' P y, the weighted residual sum of squares, shape (...)."""
        return np.asarray((self.w * self.residuals(y) ** 2).sum(axis=-1))

    @cached_property
    def leverage(self) -> FloatArray:
        """Diagonal of the hat matrix X A X' W, shape (..., k)."""
        if self.is_mean:
            return np.asarray(self.w / self.w.sum(axis=-1, keepdims=True))
        return np.asarray(self.w * np.einsum("kp,...pq,kq->...k", self.x, self.inverse, self.x))

    def trace(self, a: FloatArray | float = 1.0) -> FloatArray:
        """Return tr(P diag(a)), shape (...); a is (..., k) or a number."""
        if self.is_mean:  # sum over pairs of w_i w_j (a_i + a_j) / sum(w): nothing cancels
            w = self.w
            before = np.cumsum(w, axis=-1)
            if np.ndim(a) == 0:
                return np.asarray(2.0 * a * (w[..., 1:] * before[..., :-1]).sum(axis=-1) / before[..., -1])
            wa = w * a
            pairs = wa[..., 1:] * before[..., :-1] + w[..., 1:] * np.cumsum(wa, axis=-1)[..., :-1]
            return np.asarray(pairs.sum(axis=-1) / before[..., -1])
        return np.asarray((self.w * a * (1.0 - self.leverage)).sum(axis=-1))

    def trace_square(self, a: FloatArray | float = 1.0) -> FloatArray:
        """Return tr(P diag(a) P diag(a)), shape (...); a is (..., k) or a number."""
        w, a = self.w, np.broadcast_to(a, self.w.shape)
        if self.is_mean:
            total = w.sum(axis=-1)
            diagonal = (w * _sum_of_others(w) / total[..., None] * a) ** 2
            square = (w * a) * w
            pairs = 2.0 * (square[..., 1:] * np.cumsum(square, axis=-1)[..., :-1]).sum(axis=-1)
            return np.asarray(diagonal.sum(axis=-1) + pairs / total**2)
        inner = self.inverse @ self.moment(w * w * a)
        cross = np.trace(self.inverse @ self.moment(w**3 * a * a), axis1=-2, axis2=-1)
        both = np.trace(inner @ inner, axis1=-2, axis2=-1)
        return np.asarray(((w * a) ** 2).sum(axis=-1) - 2.0 * cross + both)

    def log_determinant(self) -> FloatArray:
        """Return log det(X' W X), shape (...)."""
        return np.asarray(np.linalg.slogdet(self.moment(self.w))[1])


def _sum_of_others(w: FloatArray) -> FloatArray:
    """Return for each entry the sum of all others along the last axis, by addition only; shape (..., k)."""
    before = np.zeros_like(w)
    before[..., 1:] = np.cumsum(w, axis=-1)[..., :-1]
    after = np.zeros_like(w)
    after[..., :-1] = np.cumsum(w[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    return before + after
