/* What the constructor does, step by step; each module's part is called once, from lk_init. */
#ifndef LK_INIT_H
#define LK_INIT_H

void lk_file_init(void);
void lk_thread_init(void);
void lk_unwind_init(void);
void lk_heap_init(void);

#endif
