"""What data say of parameters: mixtures fitted by EM, in one go or on a stream; posteriors by
expectation propagation, by Laplace's approximation, and exactly by quadrature.
"""
