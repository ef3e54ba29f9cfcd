/* Hoare's selection; the pivot is the median of three, and equal samples stop both scans, so that
 * no order that is met in practice is slow. */
#include "model/quantile.h"

#include <math.h>

static double middle_of(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

double quantile_rank(GArray *samples, guint rank)
{
    double *at = (double *)(void *)samples->data;
    gint64 low = 0, high = (gint64)samples->len - 1;

    while (low < high) {
        double pivot = middle_of(at[low], at[low + (high - low) / 2], at[high]);
        gint64 i = low, j = high;

        while (i <= j) {
            while (at[i] < pivot)
                i++;
            while (at[j] > pivot)
                j--;
            if (i <= j) {
                double swapped = at[i];

                at[i++] = at[j];
                at[j--] = swapped;
            }
        }
        if (rank <= j)
            high = j;
        else if (rank >= i)
            low = i;
        else
            break;
    }
    return at[rank];
}

double quantile(GArray *samples, double ratio)
{
    guint rank = (guint)ceil(ratio * samples->len);

    return samples->len ? quantile_rank(samples, rank ? rank - 1 : 0) : NAN;
}
