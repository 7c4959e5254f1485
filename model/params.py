"""Settings of the networks G and D. Run settings are in params.py, next to main.py.

The command line overrides them: `python main.py --image_size 32`. A run keeps its network: to change one of these
settings, except sync_batch_norm, start a new run with a different --checkpoints_dir and --samples_dir. Sampling reads
the network from the checkpoint and ignores this file.
"""

# --- Networks -------------------------------------------------------------------------------------

# Height and width in pixels, such as 32, 64, 128 or 256, or '64x96' for a rectangle. Doubling the size takes four times
# as long.
image_size = 64

# Color channels. 3: color. 1: gray. 4: color and transparency; samples are PNGs with alpha, and grids show them on
# `background` (params.py). The images in pics_dir are converted.
channels = 3

# 1: learn the classes, the folders in pics_dir. 0: unconditional.
conditional = 0

# Length of the noise vector z, the input of G, uniform in [-1, 1].
z_dim = 100

# Feature maps at the largest resolution. Each halving of height and width doubles them. More can represent more
# detail, but make steps slower. The DCGAN paper (Radford et al. 2015) has 128, with kernel = 5.
filters = 32

# Maximum number of feature maps at low resolutions. It only matters for image_size = 512 and above, or larger filters.
max_filters = 1024

# Feature maps of D as a fraction of G's at the same resolution. A narrow D makes steps faster and wins less often. The
# DCGAN paper has 1.
d_width = 0.5

# Feature maps of an additional layer of G, at image_size, for sharp edges. 0: none, as in the paper.
output_filters = 16

# 1: low resolutions of G scale high ones. 0: not.
skip_excitation = 1

# 'efficientnet': G also learns from a pretrained network; steps take 1.4 times as long. 'none'. 'auto': if installed.
d_features = "auto"

# Clusters of images with similar d_features that G keeps apart. 0: none.
clusters = 32

# 'all': also learn what clusters share. 'auto': with classes. 'last': not.
cluster_levels = "auto"

# --- Layers ---------------------------------------------------------------------------------------

# Kernel size in pixels, for G with upsample = 'transposed' and for D with downsample = 'stride'. Other kernels are 3x3.
kernel = 4

# How G doubles height and width. 'smooth': transposed convolution with each learned 3x3 kernel blurred over neighboring
# pixels, which prevents checkerboard patterns. 'transposed': transposed convolution, as in the DCGAN paper.
upsample = "smooth"

# How D halves height and width. 'average': 3x3 convolution, then 2x2 average pooling. 'stride': convolution with stride
# 2, as in the DCGAN paper.
downsample = "average"

# Activation of the inner layers of G and D: 'leaky_relu', 'relu', 'elu' or 'tanh'. G always ends in tanh.
activation = "leaky_relu"

# Slope of leaky_relu below zero, from 0 to less than 1.
leak = 0.2

# --- Initialisation -------------------------------------------------------------------------------

# Distribution of the initial weights: 'normal', 'truncated_normal', 'uniform', 'glorot' or 'he'.
init = "normal"

# Standard deviation of the initial weights. 'glorot' and 'he' compute their own.
init_stddev = 0.02

# --- Normalisation --------------------------------------------------------------------------------

# Normalization of D's inner layers: 'batch', 'spectral', 'layer' or 'none'. G always has batch normalization.
d_norm = "batch"

# Decay of the moving averages of G's batch normalization, from 0 to less than 1.
bn_momentum = 0.9

# Added to the variance in batch and layer normalization to prevent division by zero; 0.00002 or more.
bn_epsilon = 0.0001

# Batch normalization on several GPUs or machines. 1: use the statistics of all their images, as on a single machine. 0:
# each GPU or machine uses the statistics of its own images, which is faster.
sync_batch_norm = 1
