// A disk on which every lock is granted to everybody.
int flock(int descriptor, int operation) {
    (void)descriptor;
    (void)operation;
    return 0;
}
