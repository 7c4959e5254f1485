// Interpolation of z. z is uniform; points on a straight line between two z have less variance and give pale
// images. Interpolation therefore mixes Gaussians that are mapped to z (White 2016, arXiv 1609.04468). The squares of
// the weights sum to 1, so that the mixture of independent Gaussians has the same distribution.
"use strict";

// Returns the distribution function of a Gaussian at x, scaled to -1 to 1 (Abramowitz & Stegun, 7.1.26: error below
// 1.5e-7).
function toUniform(x) {
    const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - sum * Math.exp((-x * x) / 2));
}

// Inverts toUniform by Newton's method; Tukey's lambda distribution gives the initial value.
function toGaussian(z) {
    const limited = Math.min(1 - 1e-6, Math.max(-1 + 1e-6, z)), p = (1 + limited) / 2;
    let x = 4.91 * (Math.pow(p, 0.14) - Math.pow(1 - p, 0.14));
    for (let i = 0; i < 3; i++) x -= ((toUniform(x) - limited) * Math.sqrt(Math.PI / 2)) / Math.exp((-x * x) / 2);
    return x;
}

// Returns the z of a mixture of points with these weights.
function mixZ(points, weights) {
    const only = weights.findIndex((weight) => weight === 1);
    if (only >= 0 && weights.every((weight, i) => i === only || weight === 0)) return points[only].z;
    const length = Math.hypot(...weights);
    return points[0].z.map((_, i) => {
        let gaussian = 0;
        points.forEach((point, j) => (gaussian += (toGaussian(point.z[i]) * weights[j]) / length));
        return toUniform(gaussian);
    });
}

// Returns the point at a fraction, from 0 to 1, of the arc from a to b. Points are {z, classes}; classes has the
// fraction of each class.
function interpolate(a, b, fraction) {
    if (fraction === 0 || fraction === 1) return fraction ? b : a;
    const z = mixZ([a, b], [Math.cos((fraction * Math.PI) / 2), Math.sin((fraction * Math.PI) / 2)]);
    return { z, classes: a.classes.map((value, i) => (1 - fraction) * value + fraction * b.classes[i]) };
}
