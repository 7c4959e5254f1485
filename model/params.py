"""Network settings: what G and D look like. Run settings are in the other params.py, beside main.py.

Every name can also be given on the command line: `python main.py --image_size 32`. A run keeps its network: change one
of these but the last, and a new run is needed (other --checkpoints_dir and --samples_dir). Sampling takes them from the
checkpoint.
"""

# Height and width of the pictures, in pixels: 4 times a power of two, such as 32, 64, 128 or 256.
image_size = 64

# Colour channels: 3 for colour, 1 for grey; pictures in pics_dir are converted.
channels = 3

# Length of the noise vector z that G turns into a picture; its numbers are uniform in [-1, 1].
z_dim = 100

# Feature maps at the largest resolution; they double each time the pictures halve. More can tell more apart, and take
# longer to learn it. The paper has 128, with kernel 5.
filters = 32

# The doubling of feature maps stops here; matters for image_size 512 and up, or with more filters.
max_filters = 1024

# Height and width, in pixels, of G's kernels with upsample 'transposed', and of D's with downsample 'stride'.
kernel = 4

# How G doubles its maps: 'smooth' (a transposed convolution, its learnt 3x3 kernel spread over neighbouring pixels:
# no checkerboards) or, as in the paper, 'transposed' (the kernel itself is learnt).
upsample = "smooth"

# How D halves its maps: 'average' (3x3 convolution, then 2x2 average pooling) or, as in the paper, 'stride' (stride-2
# convolution).
downsample = "average"

# What holds D's inner layers in check: 'batch' norm, 'spectral' or 'layer' norm, or 'none'.
d_norm = "batch"

# 1: learn the classes, the folders in pics_dir, too, so that samples of each can be made. 0: all pictures are alike.
conditional = 0

# Activation of G's and D's inner layers: 'leaky_relu', 'relu', 'elu' or 'tanh'. G always ends in tanh.
activation = "leaky_relu"

# Slope of leaky_relu below zero, between 0 and 1.
leak = 0.2

# Distribution of the first weights: 'normal', 'truncated_normal', 'uniform', 'glorot' or 'he'.
init = "normal"

# Standard deviation of the first weights; 'glorot' and 'he' compute their own.
init_stddev = 0.02

# Batch norm: what G's moving averages keep of their old value at each step, from 0 to less than 1.
bn_momentum = 0.9

# Batch norm: added to the variance before dividing by its root; 0.00002 or more.
bn_epsilon = 0.0001

# Batch norm on several GPUs or machines: 1, by the statistics of all their pictures together, as one machine would; 0,
# each by those of its own pictures, which is quicker.
sync_batch_norm = 1
