// Points between points of the noise. z is uniform; between two z on a straight line there is less variance, and the
// images are pale. So it is the Gaussian behind the uniform that is mixed (White 2016, arXiv 1609.04468), with shares
// whose squares sum to 1: independent Gaussians then keep their law.
"use strict";

// The share of a Gaussian below x (Abramowitz & Stegun, 7.1.26: error below 1.5e-7), as a number from -1 to 1.
function toUniform(x) {
    const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - sum * Math.exp((-x * x) / 2));
}

// The inverse, by Newton's method from a first guess by Tukey's lambda distribution.
function toGaussian(z) {
    const limited = Math.min(1 - 1e-6, Math.max(-1 + 1e-6, z)), p = (1 + limited) / 2;
    let x = 4.91 * (Math.pow(p, 0.14) - Math.pow(1 - p, 0.14));
    for (let i = 0; i < 3; i++) x -= ((toUniform(x) - limited) * Math.sqrt(Math.PI / 2)) / Math.exp((-x * x) / 2);
    return x;
}

// The z of the mixture of points with these shares.
function mixedZ(points, shares) {
    const whole = shares.findIndex((share) => share === 1);
    if (whole >= 0 && shares.every((share, i) => i === whole || share === 0)) return points[whole].z;
    const length = Math.hypot(...shares);
    return points[0].z.map((_, i) => {
        let gaussian = 0;
        points.forEach((point, j) => (gaussian += (toGaussian(point.z[i]) * shares[j]) / length));
        return toUniform(gaussian);
    });
}

// The point at a share of the way from a to b, from 0 to 1: on the circle through both. Points are {z, classes}, with
// the shares of the classes in an image.
function between(a, b, share) {
    if (share === 0 || share === 1) return share ? b : a;
    const z = mixedZ([a, b], [Math.cos((share * Math.PI) / 2), Math.sin((share * Math.PI) / 2)]);
    return { z, classes: a.classes.map((value, i) => (1 - share) * value + share * b.classes[i]) };
}
